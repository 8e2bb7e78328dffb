from pathlib import Path

import httpx
import pytest

from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.gateway.build import build
from fastchat.gateway.config import GatewayConfig
from tests.servers import serving


@pytest.mark.parametrize("argv", [["--api-keys", ""], ["--api-keys", ","]])
def test_keys_that_are_none_do_not_open_the_server(argv: list[str]) -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        build(parse(GatewayConfig, argv, environ={}))


def test_blank_keys_of_the_environment_do_not_open_the_server() -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        build(parse(GatewayConfig, [], environ={"FASTCHAT_API_KEYS": " "}))


def test_a_flag_that_cannot_be_read_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(GatewayConfig, ["--allowed-origins", "*"], environ={})
    assert "is not a JSON list of strings" in capsys.readouterr().err


async def test_an_arena_is_a_model_with_a_database_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTCHAT_DATA", str(tmp_path))
    config = parse(GatewayConfig, ["--arena", "--controller", "http://127.0.0.1:9"], environ={})
    service = build(config)
    async with (
        serving(service.app, endpoints=service.endpoints) as base,
        httpx.AsyncClient(base_url=base, trust_env=False) as client,
    ):
        listed = (await client.get("/v1/models")).json()["data"]
        assert (await client.get("/ready")).status_code == 503  # nobody to fight yet
        asked = {"model": "arena", "messages": "hello"}
        answer = await client.post("/v1/chat/completions", json=asked)
    assert [card["id"] for card in listed] == ["arena"]
    assert "needs two models" in answer.text
    assert (tmp_path / "fastchat.db").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--arena-models", "a", "b"], "without --arena"),
        (["--arena", "--arena-models", "a"], "needs two"),
    ],
)
def test_models_of_an_arena_are_two_and_have_one(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(GatewayConfig, argv, environ={})
    assert said in " ".join(capsys.readouterr().err.split())
