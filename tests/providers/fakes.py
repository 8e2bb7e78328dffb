"""Providers of the tests: real HTTP servers that say what real ones were recorded to say."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from fastchat.core.chat import Chat, Message
from fastchat.core.generation import Chunk, Engine, GenerationRequest, collect
from fastchat.providers import PROVIDERS
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.vendors import VENDORS

KEY = "sk-secret-of-ours"
HELLO = Chat((Message(role="user", content="hello"),))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def events(*payloads: object, done: bool = False) -> bytes:
    said = "".join(f"event: e\ndata: {json.dumps(one)}\n\n" for one in payloads)
    return (said + ("data: [DONE]\n\n" if done else "")).encode()


@dataclass(slots=True)
class Fake:
    """Answers everything with the same; keeps what it was asked."""

    said: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    handler: Handler | None = None
    asked: list[Any] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.asked.append(json.loads(await request.read()))
        if self.handler is not None:
            return await self.handler(request)
        return web.Response(body=self.said, status=self.status, headers=self.headers)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def endpoint(api_type: str, base: str, **values: Any) -> Endpoint:
    given = {"name": "ours", "model_name": "theirs", "api_key": KEY} | values
    return Endpoint(api_type=api_type, vendor=VENDORS[api_type], api_base=base, **given)


@asynccontextmanager
async def opened(
    api_type: str, fake: Fake, silence_s: float = 5.0, **values: Any
) -> AsyncIterator[Engine]:
    async with fake.served() as base, aiohttp.ClientSession() as session:
        one = endpoint(api_type, base, **values)
        yield PROVIDERS.load(one.vendor.provider)(one, session, silence_s)


def request(chat: Chat = HELLO, **values: Any) -> GenerationRequest:
    return GenerationRequest(id="r1", model="ours", prompt=chat, **values)


async def answer(api_type: str, fake: Fake, asked: GenerationRequest | None = None) -> Chunk:
    async with opened(api_type, fake) as engine:
        return await collect(engine.generate(asked or request()))
