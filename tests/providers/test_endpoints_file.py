"""The file of endpoints: the guide's as printed, secrets by name, and every api_type there was."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.providers.endpoint import Endpoint, Limits
from fastchat.providers.endpoints_file import read_endpoints
from fastchat.providers.engine import url_of
from fastchat.providers.vendors import VENDORS

GUIDE = """{
  "gpt-4": {
    "model_name": "gpt-4",
    "api_base": "https://api.openai.com/v1",
    "api_type": "openai",
    "api_key": "sk-xxxxxxxxxxxxxxxx",
    "anony_only": false
  },
  "claude-3-opus": {
    "model_name": "claude-3-opus-20240229",
    "api_base": "https://api.anthropic.com",
    "api_type": "anthropic",
    "api_key": "sk-ant-xxxxxxxxxxxxxxxx",
    "anony_only": false
  }
}
"""
# Of FastChat 0.2.36, and of what came after it.
ORIGINAL = [
    "openai", "openai_o1", "openai_no_stream", "openai_assistant", "anthropic",
    "anthropic_message", "anthropic_message_vertex", "gemini", "gemini_no_stream", "vertex", "bard",
    "mistral", "nvidia", "cohere", "reka", "yandexgpt", "ai2", "column", "metagen", "p2l",
]  # fmt: skip


def _read(tmp_path: Path, entry: object, **environ: str) -> Endpoint:
    path = tmp_path / "api_endpoints.json"
    path.write_text(json.dumps({"ours": entry}))
    return read_endpoints(path, environ)[0]


def _entry(**values: Any) -> dict[str, Any]:
    return {"model_name": "theirs", "api_type": "openai", "api_key": "k", "anony_only": False} | (
        values
    )


def test_the_guides_file_works_as_printed(tmp_path: Path) -> None:
    path = tmp_path / "api_endpoints.json"
    path.write_text(GUIDE)
    gpt, claude = read_endpoints(path, {})
    assert (gpt.name, gpt.api_key) == ("gpt-4", "sk-xxxxxxxxxxxxxxxx")
    assert url_of(gpt, gpt.vendor.path) == "https://api.openai.com/v1/chat/completions"
    assert (claude.name, claude.model_name) == ("claude-3-opus", "claude-3-opus-20240229")
    assert url_of(claude, claude.vendor.path) == "https://api.anthropic.com/v1/messages"
    assert "sk-" not in repr([gpt, claude])


@pytest.mark.parametrize("base", ["", "/v1", "/beta"])
def test_a_path_of_a_version_of_its_own_stands_once(tmp_path: Path, base: str) -> None:
    path = tmp_path / "api_endpoints.json"
    one = {"model_name": "m", "api_type": "deepseek", "api_key": "k"}
    path.write_text(json.dumps({"m": one | {"api_base": f"https://api.deepseek.com{base}"}}))
    (endpoint,) = read_endpoints(path, {})
    assert endpoint.vendor.completions is not None
    url = url_of(endpoint, endpoint.vendor.completions.path)
    assert url == "https://api.deepseek.com/beta/completions"


@pytest.mark.parametrize("api_type", ORIGINAL)
def test_every_api_type_of_the_original_is_accepted(tmp_path: Path, api_type: str) -> None:
    base = VENDORS[api_type].base or "https://example.org/v1"
    one = _read(tmp_path, _entry(api_type=api_type, api_base=base))
    assert one.vendor is VENDORS[api_type]


def test_a_secret_stands_in_the_environment(tmp_path: Path) -> None:
    entry = _entry(api_key="${OUR_KEY}", api_base="https://${OUR_HOST}/v1")
    one = _read(tmp_path, entry, OUR_KEY="sk-1", OUR_HOST="proxy.example.org")
    assert (one.api_key, one.api_base) == ("sk-1", "https://proxy.example.org/v1")
    with pytest.raises(ConfigError, match="OUR_HOST is not set") as caught:
        _read(tmp_path, entry, OUR_KEY="sk-1")
    assert "sk-1" not in str(caught.value)


def test_a_key_is_looked_for_where_the_vendors_own_clients_do(tmp_path: Path) -> None:
    entry = _entry(api_type="anthropic", api_key="")
    assert _read(tmp_path, entry, ANTHROPIC_API_KEY="sk-2").api_key == "sk-2"
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
        _read(tmp_path, entry)


@pytest.mark.parametrize(
    ("said", "sees"),
    [
        ({}, True),
        ({"multimodal": False}, False),
        ({"api_type": "deepseek"}, False),
        ({"api_type": "deepseek", "multimodal": True}, True),
    ],
)
def test_what_the_file_says_of_a_models_sight_holds(
    tmp_path: Path, said: dict[str, Any], sees: bool
) -> None:
    endpoint = _read(tmp_path, _entry(**said))
    assert endpoint.sees is sees
    assert ("vision" in endpoint.vendor.abilities) is sees
    assert "chat" in endpoint.vendor.abilities


def test_azure_is_known_by_the_name_of_the_model(tmp_path: Path) -> None:
    one = _read(tmp_path, _entry(model_name="azure-gpt-4", api_base="https://x.openai.azure.com"))
    assert one.vendor is VENDORS["azure"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"api_type": "nobody"}, "unknown api_type 'nobody': choose from"),
        ({"api_type": "azure"}, "api_base"),
        ({"api_base": "ftp://x"}, "api_base"),
        ({"api_key": "a\nb"}, "characters"),
        ({"anony_only": "no"}, "Expected `bool`"),
    ],
)
def test_an_entry_at_fault_is_named(tmp_path: Path, values: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        _read(tmp_path, _entry(**values))
    assert "'ours'" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[" * 100_000])
def test_what_is_no_such_file_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "api_endpoints.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"api_endpoints\.json"):
        read_endpoints(path, {})
    with pytest.raises(ConfigError, match="No such file"):
        read_endpoints(tmp_path / "none.json", {})


def test_what_has_no_effect_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _read(tmp_path, _entry(recommended_config={}, max_tokens_=1))
    assert "recommended_config has no effect here" in caplog.text
    assert "max_tokens_ is not known" in caplog.text


def test_keys_that_others_can_read_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "api_endpoints.json"
    path.write_text(GUIDE)
    path.chmod(0o644)
    read_endpoints(path, {})
    assert "chmod 600" in caplog.text
    caplog.clear()
    path.chmod(0o600)
    read_endpoints(path, {})
    assert caplog.text == ""


def test_limits_are_read(tmp_path: Path) -> None:
    one = _read(tmp_path, _entry(requests_per_minute=60, dollars_per_day=2.5))
    assert one.limits == Limits(requests_per_minute=60, dollars_per_day=2.5)
