"""A provider that is full, dead, slow, lost or mad: one clear error, and no key in it."""

import asyncio
import json
import logging

import pytest
from aiohttp import web

from fastchat.core.errors import (
    ContextOverflow,
    InvalidRequest,
    Overloaded,
    PlatformError,
    ProviderAway,
)
from fastchat.core.generation import collect
from tests.providers import recorded
from tests.providers.fakes import KEY, Fake, answer, opened, request

JSON = {"content-type": "application/json"}
EVERY = ["openai", "anthropic", "gemini", "openai_responses"]
SAID = {
    "openai": recorded.OPENAI_TEXT,
    "anthropic": recorded.ANTHROPIC_TEXT,
    "gemini": recorded.GEMINI_TEXT,
    "openai_responses": recorded.RESPONSES_TEXT,
}


def _error(status: int, message: str = "no", **headers: str) -> Fake:
    body = {"error": {"message": message, "type": "some_error", "code": None}}
    return Fake(json.dumps(body).encode(), status, JSON | headers)


async def _refused(api_type: str, fake: Fake) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await answer(api_type, fake)
    return caught.value


@pytest.mark.parametrize("api_type", EVERY)
async def test_a_provider_that_is_full_says_when_to_come_again(api_type: str) -> None:
    error = await _refused(api_type, _error(429, "slow down", **{"retry-after": "7"}))
    assert isinstance(error, Overloaded)
    assert (error.retry_after_s, error.status) == (7, 503)
    assert "slow down" in error.message


@pytest.mark.parametrize("status", [500, 502, 503, 529, 301])
async def test_a_provider_that_is_down_may_be_replaced(status: int) -> None:
    fake = Fake(b"<html>Bad gateway</html>", status, {"content-type": "text/html"})
    error = await _refused("anthropic", fake)
    assert isinstance(error, ProviderAway)
    assert f"status {status}" in error.message
    assert error.retry_after_s is not None


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_our_account_there_is_not_the_clients_fault(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        error = await _refused("openai", _error(status, f"Incorrect API key provided: {KEY}"))
    assert isinstance(error, ProviderAway)
    assert KEY not in error.message + caplog.text
    assert "Incorrect API key provided: ***" in caplog.text


async def test_a_bad_request_is_the_clients_fault() -> None:
    error = await _refused("openai", _error(400, "temperature is out of range"))
    assert type(error) is InvalidRequest
    assert error.message == "temperature is out of range"


@pytest.mark.parametrize(
    ("api_type", "message"),
    [
        ("openai", "This model's maximum context length is 8192 tokens."),
        ("anthropic", "prompt is too long: 210000 tokens > 200000 maximum"),
    ],
)
async def test_a_prompt_that_is_too_long_is_named_so(api_type: str, message: str) -> None:
    error = await _refused(api_type, _error(400, message))
    assert isinstance(error, ContextOverflow)
    assert "context_length_exceeded" in error.message


@pytest.mark.parametrize("api_type", EVERY)
async def test_a_stream_that_is_cut_is_no_answer(api_type: str) -> None:
    said = SAID[api_type]
    at = said.rindex(b"event: e", 0, said.rindex(b"event: e"))
    error = await _refused(api_type, Fake(said[:at]))
    assert "ended before its answer did" in error.message


@pytest.mark.parametrize("api_type", EVERY)
@pytest.mark.parametrize(
    "said",
    [b"data: {\n\n", b"data: [1]\n\n", b'data: {"type": 7, "choices": 3, "candidates": 1}\n\n'],
)
async def test_nonsense_is_not_passed_on(api_type: str, said: bytes) -> None:
    assert isinstance(await _refused(api_type, Fake(said)), ProviderAway)


async def test_a_silent_provider_is_waited_for_no_longer_than_is_allowed() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(30)
        return response

    async with opened("openai", Fake(handler=stall), silence_s=0.1) as engine:
        with pytest.raises(ProviderAway, match="silent"):
            await collect(engine.generate(request()))


async def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(40):
            await response.write(b"x" * 1024 * 1024)
        return response

    assert isinstance(await _refused("openai", Fake(handler=flood)), ProviderAway)


async def test_nobody_listens() -> None:
    fake = Fake()
    async with opened("openai", fake) as engine:
        engine._url = "http://127.0.0.1:9/v1"  # type: ignore[attr-defined]  # nobody is there
        with pytest.raises(ProviderAway, match="does not answer"):
            await collect(engine.generate(request()))


async def test_who_stops_reading_ends_the_request() -> None:
    gone = asyncio.Event()

    said = recorded.OPENAI_TEXT[: recorded.OPENAI_TEXT.index(b" there") - 30]

    async def begun(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(said[: said.rindex(b"\n\n") + 2])
        try:
            while True:
                await response.write(b": ping\n\n")
                await asyncio.sleep(0.005)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with opened("openai", Fake(handler=begun)) as engine:
        chunks = engine.generate(request())
        assert (await anext(chunks)).text == "Hello"
        await chunks.aclose()
        async with asyncio.timeout(2):
            await gone.wait()


async def test_a_kept_connection_that_was_closed_costs_no_answer() -> None:
    asked = 0

    async def closing(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 2 and request.transport is not None:
            request.transport.close()  # as if it had been idle for too long
        return web.Response(body=recorded.OPENAI_TEXT, content_type="text/event-stream")

    async with opened("openai", Fake(handler=closing)) as engine:
        for _ in range(2):
            assert (await collect(engine.generate(request()))).text == "Hello there"
    assert asked == 3
