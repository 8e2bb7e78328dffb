import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.gateway.build import IDS_AT_ONCE, build, request_ids
from fastchat.gateway.config import GatewayConfig
from fastchat.storage import Database, usage
from tests.exposition import Told
from tests.providers.fakes import Fake, events
from tests.servers import serving

SAID = events(
    {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}},
    done=True,
)


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


ASKED = {"model": "ours", "messages": [{"role": "user", "content": "hello"}]}


def _with_a_provider(folder: Path, base: str, dollars_per_day: float) -> list[str]:
    """Flags of an API server; each of its requests costs 0.015 dollars."""
    prices, endpoints = folder / "prices.json", folder / "api_endpoints.json"
    prices.write_text(json.dumps({"theirs": {"input": 1000, "output": 1000, "as_of": "2026-01"}}))
    ours: dict[str, object] = {"model_name": "theirs", "api_type": "openai", "api_key": "k"}
    ours |= {"api_base": f"{base}/v1", "dollars_per_day": dollars_per_day}
    endpoints.write_text(json.dumps({"ours": ours}))
    endpoints.chmod(0o600)
    return [
        *("--controller", "http://127.0.0.1:9", "--price-file", str(prices)),
        *("--register-api-endpoint-file", str(endpoints)),
        *("--database-url", f"sqlite:///{folder / 'fastchat.db'}"),
    ]


@asynccontextmanager
async def _api_server(argv: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    service = build(parse(GatewayConfig, argv, environ={}))
    async with (
        serving(service.app, endpoints=service.endpoints) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


async def test_api_servers_over_one_database_spend_one_budget(tmp_path: Path) -> None:
    async def spent(client: httpx.AsyncClient) -> float:
        told = Told((await client.get("/metrics")).text)
        return told.value("provider_day_budget_spent_ratio", model="ours")

    async with Fake(SAID).served() as base:
        argv = _with_a_provider(tmp_path, base, dollars_per_day=0.015)
        async with _api_server(argv) as one, _api_server(argv) as other:
            assert (await one.post("/v1/chat/completions", json=ASKED)).status_code == 200
            async with asyncio.timeout(20):
                while await spent(other) < 1:  # noqa: ASYNC110  # another process says it
                    await asyncio.sleep(0.05)
            refused = await other.post("/v1/chat/completions", json=ASKED)
    assert refused.status_code == 503
    assert "$0.015 a day" in refused.json()["error"]["message"]


async def test_a_model_of_a_provider_has_its_price_under_our_name_for_it(tmp_path: Path) -> None:
    async with Fake(SAID).served() as base:
        argv = _with_a_provider(tmp_path, base, dollars_per_day=1)
        async with _api_server(argv) as client:
            answer = await client.post("/v1/chat/completions", json=ASKED)
            told = Told((await client.get("/metrics")).text)
    database = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    [used] = database.read_now(partial(usage.since, hour=0))
    database.close()
    assert answer.json()["usage"]["total_tokens"] == 15
    assert used.microdollars == 15_000
    assert told.value("gateway_spend_dollars_total", model="ours", key="") == 0.015
    assert told.value("provider_spend_dollars_total", model="ours") == 0.015
    assert told.value("provider_day_budget_spent_ratio", model="ours") == 0.015


def test_prices_have_a_meaning_without_providers_and_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--price-file"):
        build(parse(GatewayConfig, ["--price-file", str(tmp_path / "nowhere.json")], environ={}))


def test_ids_are_different_whoever_makes_them_and_however_many() -> None:
    one, other = request_ids(), request_ids()
    made = [make() for make in (one, other) for _ in range(2 * IDS_AT_ONCE + 1)]
    assert len(set(made)) == len(made)
    assert {len(id) for id in made} == {32}
