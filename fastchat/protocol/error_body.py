"""How an error looks on the wire: the OpenAI shape, with the keys of 0.2.36 beside it."""

from typing import Literal

import msgspec

from fastchat.core.errors import PlatformError, RateLimited

# Errors after which the rest of the request is not going to be read.
UNREAD = frozenset([408, 413, 431])


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    type: str
    param: str | None
    code: int


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """`error` is what today's clients read. Of the others, which clients of 0.2.36 read, the last
    two are what a worker's message has: there it went through to the client as it was."""

    error: ErrorDetail
    object: Literal["error"] = "error"
    message: str
    code: int
    text: str
    error_code: int

    @classmethod
    def of(cls, error: PlatformError) -> "ErrorBody":
        detail = ErrorDetail(
            message=error.message, type=error.type, param=error.param, code=error.code
        )
        return cls(
            error=detail,
            message=error.message,
            code=error.code,
            text=error.message,
            error_code=error.code,
        )


def error_headers(error: PlatformError) -> dict[str, str]:
    """What the error says outside its body."""
    headers = {"content-type": "application/json"}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, RateLimited):
        headers |= error.headers
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status in UNREAD:
        headers["connection"] = "close"
    return headers


def error_lines(error: PlatformError) -> bytes:
    """Those headers, a line each."""
    lines = [f"{name}: {value}\r\n" for name, value in error_headers(error).items()]
    return "".join(lines).encode()


def error_event(error: PlatformError, shape: type[ErrorBody] = ErrorBody) -> bytes:
    """The server-sent event that ends a broken stream."""
    return b"data: " + msgspec.json.encode(shape.of(error)) + b"\n\n"
