"""A worker of 0.2.36 as its callers see it: the routes, fields and habits that were recorded."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fastchat.conversation import get_conv_template, to_wire

# Recorded: a number that is null raises TypeError there, and the slot is lost.
NUMBERS = ("temperature", "repetition_penalty", "top_p", "top_k", "max_new_tokens")


def said(text: str, tokens: int, reason: str | None = None) -> dict[str, Any]:
    usage = {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 7 + tokens}
    return {
        "text": text,
        "error_code": 0,
        "usage": usage,
        "finish_reason": reason,
        "logprobs": None,
    }


def telling(*words: str, reason: str | None = "stop") -> list[dict[str, Any]]:
    """The whole text so far, and the end twice: without a reason and with it."""
    grown = [said("".join(words[: i + 1]), i + 1) for i in range(len(words))]
    return [*grown, said("".join(words), len(words), reason)] if reason else grown


@dataclass
class LegacyWorker:
    """Answers with `messages`; `breaks` closes the connection instead of ending the stream, `tail`
    comes after them, and `missing` names routes that this kind of worker does not have."""

    messages: Sequence[dict[str, Any]] = field(default_factory=lambda: telling("one", " two"))
    template: str = "vicuna_v1.1"
    context_length: int = 2048
    breaks: bool = False
    tail: bytes = b""
    held: asyncio.Event | None = None
    missing: Sequence[str] = ()
    status: int = 200
    calls: list[tuple[str, Any]] = field(default_factory=list)
    generating: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])

    def asked(self, path: str) -> list[Any]:
        return [body for called, body in self.calls if called == path]

    async def _answer(self, request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        body: Any = json.loads(raw) if raw else None
        self.calls.append((path, body))
        if path in self.missing:
            return JSONResponse({"detail": "Not Found"}, 404)
        match path:
            case "/worker_get_status":
                return JSONResponse({"model_names": ["m"], "speed": 1, "queue_length": 0})
            case "/worker_get_conv_template":
                return JSONResponse({"conv": to_wire(get_conv_template(self.template))})
            case "/model_details":
                return JSONResponse({"context_length": self.context_length})
            case "/count_token":
                return JSONResponse({"count": len(body["prompt"].split()), "error_code": 0})
            case "/worker_get_embeddings":
                vectors = [[float(len(text)), 0.0] for text in body["input"]]
                return JSONResponse({"embedding": vectors, "token_num": len(vectors)})
            case "/worker_generate_stream":
                return self._generated(body)
        return JSONResponse({"detail": "Not Found"}, 404)

    def _generated(self, body: Any) -> Response:
        if self.status != 200:
            return Response("Internal Server Error", self.status)
        for name in NUMBERS:
            float(body.get(name, 1))
        return StreamingResponse(self._stream())

    async def _stream(self) -> AsyncIterator[bytes]:
        self.generating += 1
        try:
            for message in self.messages:
                if self.held is not None:
                    await self.held.wait()
                yield json.dumps(message).encode() + b"\0"
            yield self.tail
            if self.breaks:
                raise ConnectionResetError
        finally:
            self.generating -= 1
