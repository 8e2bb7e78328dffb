"""What each of our HTTP servers does at its edge: bounds on bodies, a token, errors as answers."""

import asyncio
import contextlib
import hmac
import ipaddress
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastchat.core.errors import (
    BodyTooLarge,
    ConfigError,
    InvalidKey,
    InvalidRequest,
    PlatformError,
    ShuttingDown,
)
from fastchat.core.metrics import CONTENT_TYPE
from fastchat.protocol.codec import encode
from fastchat.protocol.error_body import ErrorBody, error_headers
from fastchat.relay.work import Endpoint

logger = logging.getLogger(__name__)

LINGER_S = 1.0
LINGER_BYTES = 1024 * 1024

REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


Noted = Callable[[PlatformError], None]


def ignored(error: PlatformError) -> None:
    """Nobody counts errors here."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a server runs: the application, what to await before it drains, and what is answered
    below ASGI, by path. `failure` tells afterwards why it could not go on."""

    app: FastAPI
    before_drain: Callable[[], Awaitable[None]] | None = None
    endpoints: Mapping[bytes, Endpoint] = field(default_factory=dict)
    failure: Callable[[], ConfigError | None] = lambda: None


class ClientGone(Exception):
    """Nobody is left to answer."""


def request_id(request: HTTPConnection, new_id: Callable[[], str]) -> str:
    """The id that the caller gave this request, if it is fit for logs and headers, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else new_id()


def json_response(message: object) -> Response:
    return Response(encode(message), media_type="application/json")


def answer_health(app: FastAPI) -> None:
    @app.api_route("/health", methods=["GET", "HEAD"], include_in_schema=False)
    async def health() -> Response:
        return json_response({"status": "ok"})


def error_response(error: PlatformError, shape: type[ErrorBody] = ErrorBody) -> Response:
    return Response(encode(shape.of(error)), status_code=error.status, headers=error_headers(error))


def for_insiders(
    token: str | None, admit: Callable[[Request], None] | None = None
) -> Callable[[Request], None]:
    """On a port for everybody, metrics are for who shows the cluster token. Without one they are
    for whom `admit` lets in, or else for callers on this machine."""

    def check(request: Request) -> None:
        if token is not None:
            if not _shows(request.scope, f"Bearer {token}".encode()):
                raise InvalidKey("Metrics are for who shows the cluster token as a bearer token.")
        elif admit is not None:
            admit(request)
        elif request.client is None or not _is_loopback(request.client.host):
            raise InvalidKey(
                "Metrics are for callers on this machine only, unless FASTCHAT_CLUSTER_TOKEN is "
                "set: then show it as a bearer token."
            )

    return check


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answer_metrics(
    app: FastAPI,
    exposed: Callable[[], Awaitable[bytes]],
    admit: Callable[[Request], None] = lambda _: None,
) -> None:
    """`admit` raises what refuses the caller."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        admit(request)
        return Response(await exposed(), headers={"content-type": CONTENT_TYPE})


def answer_errors(app: FastAPI, noted: Noted = ignored) -> None:
    """Render every error that a handler raises in the OpenAI shape; `noted` hears of each."""

    async def platform_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PlatformError)
        noted(error)
        return error_response(error)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = InvalidRequest(f"{request.method} {request.url.path}: {error.detail}")
        noted(answer)
        body = encode(ErrorBody.of(answer))
        headers = {**error_headers(answer), **(error.headers or {})}
        return Response(body, status_code=error.status_code, headers=headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it

    async def unforeseen(request: Request, error: Exception) -> Response:
        answer = PlatformError("Internal error; the server's log has the details.")
        noted(answer)
        return error_response(answer)

    app.add_exception_handler(PlatformError, platform_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unforeseen)


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """Raises `BodyTooLarge` as soon as it is, and `ClientGone` when the client leaves first."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        if not message.get("more_body", False):
            return bytes(body)


async def refuse_body(response: Response, receive: Receive, send: Send) -> None:
    """Answer before the body has come. A connection that is closed over unread bytes is reset, and
    the answer may be lost with it; so some of what still comes is read and thrown away."""
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
    )
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            await _discard(receive, LINGER_BYTES)
    await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive, limit_bytes: int) -> None:
    while limit_bytes > 0:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
        limit_bytes -= len(message["body"])


def end_with(task: "asyncio.Task[None]") -> None:
    """End the server when a task that it cannot do without ends by a fault of ours."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a background task ended; so does the server", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


class BodyLimit:
    """Refuse bodies over the limit: at once when they say their length, else when they pass it.
    `but_at` are paths whose endpoints do so themselves, in the shape of their dialect."""

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int,
        noted: Noted = ignored,
        but_at: Collection[str] = (),
    ) -> None:
        self._app = app
        self._limit = limit_bytes
        self._noted = noted
        self._but_at = frozenset(but_at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._but_at:
            await self._app(scope, receive, send)
            return
        if _declared_length(scope) > self._limit:
            error = BodyTooLarge(self._limit)
            self._noted(error)
            await refuse_body(error_response(error), receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            before = received
            received += len(message.get("body", b""))
            if before <= self._limit < received:  # once: whoever goes on reading throws it away
                raise BodyTooLarge(self._limit)
            return message

        await self._app(scope, counted, send)


class TokenGuard:
    """Let in who shows the cluster token; `open_paths` need none."""

    def __init__(
        self, app: ASGIApp, token: str, open_paths: Collection[str], noted: Noted = ignored
    ) -> None:
        self._app = app
        self._noted = noted
        self._expected = f"Bearer {token}".encode()
        self._open = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        error = InvalidKey("The cluster token is missing or wrong (FASTCHAT_CLUSTER_TOKEN).")
        self._noted(error)
        await error_response(error)(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        return _shows(scope, self._expected)


def _shows(scope: Scope, expected: bytes) -> bool:
    shown = Headers(scope=scope).get("authorization", "")
    return hmac.compare_digest(shown.encode(), expected)


def _declared_length(scope: Scope) -> int:
    # The HTTP parser has already refused a length that is no number.
    return int(Headers(scope=scope).get("content-length", "0"))


async def unless_gone(
    receive: Receive,
    work: Awaitable[None],
    cut: Callable[[PlatformError], Awaitable[None]] | None = None,
    ended: "asyncio.Future[PlatformError] | None" = None,
) -> None:
    """Await `work`, cancelled as soon as the client is gone. When a drain ends before the work
    does, or somebody has `ended` it, `cut` says the last words."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    last_words: PlatformError | None = None
    try:
        await asyncio.wait(
            {task, gone} | ({ended} if ended is not None else set()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if task.done():
            task.result()
        elif ended is not None and ended.done() and not gone.done():
            last_words = ended.result()
    except asyncio.CancelledError:
        if cut is None:
            raise
        # Not passed on: it comes from the server itself, which would log it as a fault of ours.
        last_words = None if task.done() else ShuttingDown()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)
    if last_words is not None and cut is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):  # a client that does not read hears nothing
                await cut(last_words)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
