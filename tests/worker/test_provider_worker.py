"""A worker whose models are those of other providers."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fastchat.core.errors import ConfigError
from fastchat.worker.build_provider import build
from fastchat.worker.provider_config import ProviderWorkerConfig
from tests.exposition import Told
from tests.providers import recorded
from tests.providers.fakes import Fake
from tests.servers import serving

ASK = {"messages": [{"role": "user", "content": "hello"}]}


def _config(tmp_path: Path, base: str, **values: Any) -> ProviderWorkerConfig:
    entry = {"model_name": "theirs", "api_base": base, "api_key": "k"}
    path = tmp_path / "api_endpoints.json"
    path.write_text(
        json.dumps(
            {
                "claude": entry | {"api_type": "anthropic"},
                "gpt": entry | {"api_type": "openai"},
                "old": entry | {"api_type": "bard"},
            }
        )
    )
    path.chmod(0o600)
    return ProviderWorkerConfig(register_api_endpoint_file=path, no_register=True, **values)


async def test_it_serves_all_models_of_the_file(tmp_path: Path) -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    async with (
        fake.served() as base,
        serving(build(_config(tmp_path, base), "1").app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        listed = (await client.get("/v1/models")).json()["data"]
        claude = await client.post("/v1/chat/completions", json=ASK | {"model": "claude"})
        status = (await client.post("/worker_get_status")).json()
        old = await client.post("/v1/chat/completions", json=ASK | {"model": "old"})
    able = {card["id"]: card["capabilities"] for card in listed}
    assert list(able) == ["claude", "gpt", "old"]
    assert "completions" in able["gpt"]
    assert not {"completions", "seed"} & set(able["claude"])
    assert claude.json()["choices"][0]["message"]["content"] == "Hello there"
    assert claude.json()["model"] == "claude"
    assert status["model_names"] == ["claude", "gpt", "old"]
    assert old.status_code == 410
    assert "PaLM" in old.json()["error"]["message"]


async def test_it_tells_what_its_models_cost(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"claude": {"input": 1000, "output": 2000, "as_of": "2026-01"}}))
    fake = Fake(recorded.ANTHROPIC_TEXT)
    async with (
        fake.served() as base,
        serving(build(_config(tmp_path, base, price_file=prices), "1").app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        answer = await client.post("/v1/chat/completions", json=ASK | {"model": "claude"})
        told = Told((await client.get("/metrics")).text)
    usage = answer.json()["usage"]
    cost = (usage["prompt_tokens"] * 1000 + usage["completion_tokens"] * 2000) / 1e6
    assert cost > 0
    assert told.value("provider_spend_dollars_total", model="claude") == pytest.approx(cost)


async def test_what_a_provider_refuses_reaches_the_client(tmp_path: Path) -> None:
    full = Fake(b'{"error": {"message": "slow down"}}', 429, {"retry-after": "7"})
    async with (
        full.served() as base,
        serving(build(_config(tmp_path, base), "1").app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        answer = await client.post("/v1/chat/completions", json=ASK | {"model": "gpt"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_models_can_be_chosen(tmp_path: Path) -> None:
    build(_config(tmp_path, "http://x", model_names=("gpt",)), "1")
    with pytest.raises(ConfigError, match="only claude, gpt, old"):
        build(_config(tmp_path, "http://x", model_names=("gpt-5",)), "1")


def test_a_template_has_no_meaning(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--conv-template"):
        build(_config(tmp_path, "http://x", conv_template="vicuna_v1.1"), "1")
