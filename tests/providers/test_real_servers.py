"""The dialects against servers that are not fakes: llama.cpp's own, and our API server."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import xllamacpp  # type: ignore[import-untyped]  # it has no types

from fastchat.core.chat import Chat, Message, Tool, ToolCall
from fastchat.core.errors import ContextOverflow, PlatformError, ProviderAway
from fastchat.core.generation import Engine, GenerationRequest, Sampling, collect
from fastchat.dispatch import Table
from fastchat.engines.scripted import Options, ScriptedEngine
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import WorkerEntry
from fastchat.providers import PROVIDERS
from tests.apps import gateway_service, worker_app
from tests.providers.fakes import KEY, endpoint
from tests.servers import serving

GREEDY = Sampling(temperature=0.0)
CAPITAL = Chat((Message(role="user", content="What is the capital of France?"),))
WEATHER = Tool(
    name="weather",
    description="How the weather is.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


@pytest.fixture(scope="module")
def llama(smollm2_path: Path) -> Iterator[str]:
    """llama.cpp's own HTTP server with a small real model."""
    params = xllamacpp.CommonParams()
    params.model.path = str(smollm2_path)
    params.n_parallel, params.n_ctx = 1, 512
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [KEY]
    params.ui, params.verbosity = False, 1
    server = xllamacpp.Server(params)
    yield str(server.listening_address)
    del server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def _engine(session: aiohttp.ClientSession, api_type: str, base: str, **values: Any) -> Engine:
    one = endpoint(api_type, base, **values)
    return PROVIDERS.load(one.vendor.provider)(one, session, 60.0)


def _asking(chat: Chat = CAPITAL, **values: Any) -> GenerationRequest:
    return GenerationRequest(id="r1", model="ours", prompt=chat, sampling=GREEDY, **values)


async def test_llama_cpp_says_the_same_in_every_dialect(
    llama: str, session: aiohttp.ClientSession
) -> None:
    # A prompt that is read anew is computed in another order, with other last digits.
    await collect(_engine(session, "anthropic", llama).generate(_asking(max_tokens=1)))
    said = [
        await collect(_engine(session, api_type, llama).generate(_asking(max_tokens=24)))
        for api_type in ("openai_compatible", "openai_no_stream", "anthropic")
    ]
    assert len({whole.text for whole in said}) == 1
    assert len(said[0].text) > 20
    assert {whole.usage.prompt_tokens for whole in said} == {37}
    assert {whole.usage.completion_tokens for whole in said} == {24}


async def test_llama_cpp_goes_on_with_a_plain_text(
    llama: str, session: aiohttp.ClientSession
) -> None:
    engine = _engine(session, "openai_compatible", llama)
    asked = GenerationRequest(
        id="r1", model="ours", prompt="One, two, three,", sampling=GREEDY, max_tokens=4
    )
    whole = await collect(engine.generate(asked))
    assert "four" in whole.text
    assert (whole.finish_reason, whole.usage.completion_tokens) == ("length", 4)


@pytest.mark.parametrize("api_type", ["openai_compatible", "anthropic"])
async def test_llama_cpp_ends_at_the_limit(
    llama: str, session: aiohttp.ClientSession, api_type: str
) -> None:
    whole = await collect(_engine(session, api_type, llama).generate(_asking(max_tokens=3)))
    assert (whole.finish_reason, whole.usage.completion_tokens) == ("length", 3)


@pytest.mark.parametrize("api_type", ["openai_compatible", "anthropic"])
async def test_llama_cpp_refuses_a_wrong_key_and_a_long_prompt(
    llama: str, session: aiohttp.ClientSession, api_type: str
) -> None:
    stranger = _engine(session, api_type, llama, api_key="sk-other")
    with pytest.raises(ProviderAway, match="refuses our key"):
        await collect(stranger.generate(_asking()))
    long = Chat((Message(role="user", content="word " * 2000),))
    with pytest.raises(PlatformError) as caught:
        await collect(_engine(session, api_type, llama).generate(_asking(long)))
    assert isinstance(caught.value, ContextOverflow), caught.value


@pytest.fixture
async def ours(table: Table) -> AsyncIterator[str]:
    """Our API server, with keys, and a worker that calls the tools it is offered."""
    service = gateway_service(table, report=lambda _: None, keys=KeyRing.of([KEY]))
    async with (
        serving(worker_app(ScriptedEngine(Options(names=("theirs",))))) as worker,
        serving(service.app) as url,
    ):
        table.put(WorkerEntry(address=worker, model_names=("theirs",), dialects=("openai",)))
        yield url


in_both_dialects = pytest.mark.parametrize("api_type", ["openai_compatible", "anthropic"])


@in_both_dialects
async def test_our_api_server_is_a_provider(
    ours: str, session: aiohttp.ClientSession, api_type: str
) -> None:
    engine = _engine(session, api_type, ours)
    whole = await collect(engine.generate(_asking(max_tokens=8)))
    assert whole.text
    assert whole.usage.completion_tokens == 8
    assert whole.finish_reason == "length"


@in_both_dialects
async def test_a_tool_is_called_and_answered(
    ours: str, session: aiohttp.ClientSession, api_type: str
) -> None:
    engine = _engine(session, api_type, ours)
    chat = Chat(CAPITAL.messages, tools=(WEATHER,), tool_choice="required")
    asked = await collect(engine.generate(_asking(chat)))
    (call,) = asked.tool_calls
    assert (call.name, asked.finish_reason) == ("weather", "tool_calls")
    assert isinstance(json.loads(call.arguments), dict)
    said = (
        Message(
            role="assistant",
            tool_calls=(ToolCall(id=call.id, name=call.name, arguments=call.arguments),),
        ),
        Message(role="tool", content="sunny", tool_call_id=call.id),
    )
    end = await collect(engine.generate(_asking(Chat((*CAPITAL.messages, *said)))))
    assert end.text
    assert end.finish_reason in ("stop", "length")


@in_both_dialects
async def test_a_model_that_our_api_server_lacks_is_said(
    ours: str, session: aiohttp.ClientSession, api_type: str
) -> None:
    engine = _engine(session, api_type, ours, model_name="nobody")
    with pytest.raises(ProviderAway, match="knows no model 'nobody'"):
        await collect(engine.generate(_asking()))
