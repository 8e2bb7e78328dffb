"""Answers of ASGI applications to clients that speak HTTP/1.0."""

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    WWWScope,
)
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


async def unchunked(
    app: ASGI3Application,
    cycle: RequestResponseCycle,
    scope: WWWScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    """HTTP/1.0 knows no chunks, and uvicorn sends them all the same. Here an answer without a
    length ends with its connection: the cycle is told of each piece as if it were the last."""
    unframed = False

    async def sent(message: ASGISendEvent) -> None:
        nonlocal unframed
        if message["type"] == "http.response.start":
            names = [name.lower() for name, _ in message.get("headers", ())]
            unframed = b"content-length" not in names
            cycle.chunked_encoding = False if unframed else None
        elif message["type"] == "http.response.body" and unframed:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    await app(scope, receive, sent)
