"""How an error looks on the wire: the OpenAI shape, with the keys of 0.2.36 beside it."""

from typing import Any, Literal

import msgspec

from fastchat.core.errors import PlatformError


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    type: str
    param: str | None
    code: int


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """`error` is what today's clients read; the other three are what clients of 0.2.36 read."""

    error: ErrorDetail
    object: Literal["error"] = "error"
    message: str
    code: int

    @classmethod
    def of(cls, error: PlatformError) -> "ErrorBody":
        detail = ErrorDetail(
            message=error.message, type=error.type, param=error.param, code=error.code
        )
        return cls(error=detail, message=error.message, code=error.code)


def error_headers(error: PlatformError) -> dict[str, str]:
    """What the error says outside its body."""
    headers = {"content-type": "application/json"}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status in (413, 431):
        headers["connection"] = "close"  # the rest of the body is not going to be read
    return headers


def error_event(error: PlatformError) -> bytes:
    """The server-sent event that ends a broken stream."""
    body: Any = {"error": ErrorBody.of(error).error}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
