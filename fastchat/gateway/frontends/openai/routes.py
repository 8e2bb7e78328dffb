"""The OpenAI endpoints. Workers speak this dialect: requests pass through as they are."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastchat.gateway.context import Context
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.openai.prompted import PATHS as RENDER
from fastchat.protocol.openai.rerank import PATHS as RERANK

FORWARDED = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    *RENDER,
    *RERANK,
    "/tokenize",
    "/detokenize",
)


def routes(context: Context) -> APIRouter:
    router = APIRouter(
        routes=[
            Route(path, context.forwarder.to(path.encode()), methods=["POST"]) for path in FORWARDED
        ],
        dependencies=[Depends(context.authorized)],
    )
    embeddings = context.forwarder.to(b"/v1/embeddings")

    @router.post("/v1/engines/{name:path}/embeddings")
    async def engine_embeddings(request: Request, name: str) -> Response:
        """The path names the model, so the body need not."""
        asked = decode(await request.body(), dict[str, Any])
        if asked.get("model") is None:
            asked["model"] = name
        return _Resent(embeddings, encode(asked))

    return router


class _Resent(Response):
    """The answer of another endpoint to this request with another body."""

    def __init__(self, endpoint: ASGIApp, body: bytes) -> None:
        self.background: BackgroundTask | None = None
        self._endpoint = endpoint
        self._resent: list[Message] = [{"type": "http.request", "body": body}]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def again() -> Message:
            return self._resent.pop() if self._resent else await receive()

        await self._endpoint(scope, again, send)
