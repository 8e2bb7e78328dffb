"""What a provider answers instead of an answer, as an error of ours.

A fault between us and the provider is not the client's: neither our key, nor our account there.
"""

import logging

import msgspec

from fastchat.core.errors import (
    ContextOverflow,
    InvalidRequest,
    Overloaded,
    PlatformError,
    ProviderAway,
)
from fastchat.providers.endpoint import Endpoint

logger = logging.getLogger(__name__)

MESSAGE_LIMIT = 1000
LONGEST_RETRY_S = 3600
# For whom a provider gives no time: a crowd, an outage, and what a person has to mend.
CROWDED_S = 10
DOWN_S = 5
MENDED_S = 60

_REFUSES_US = {401: "refuses our key", 402: "wants money", 403: "does not let us in"}
_TOO_LONG = (
    "context_length", "maximum context", "context size", "prompt is too long", "too many tokens",
)  # fmt: skip


class _Said(msgspec.Struct, frozen=True):
    message: str | None = None
    code: int | str | None = None
    type: str | None = None
    param: str | None = None


class _Body(msgspec.Struct, frozen=True):
    error: _Said | str | None = None
    message: str | None = None


def error_of(
    endpoint: Endpoint, status: int, body: bytes, retry_after: str | None
) -> PlatformError:
    """`body` may be anything: a proxy's page as well."""
    said = _said(body)
    message = _spoken(endpoint, said, f"status {status}")
    if status in _REFUSES_US:
        logger.error("%s answered %d: %s", endpoint.api_base, status, message)
        return ProviderAway(
            f"The provider of {endpoint.name!r} {_REFUSES_US[status]}: see the log, and its entry "
            "in the file of endpoints.",
            retry_after_s=MENDED_S,
        )
    if status == 429:
        broke = said.code == "insufficient_quota" or said.type == "insufficient_quota"
        wait_s = _seconds(retry_after) or (MENDED_S if broke else CROWDED_S)
        return Overloaded(
            f"The provider of {endpoint.name!r} takes no more for now: {message}",
            retry_after_s=wait_s,
        )
    if status == 404:
        logger.error("%s answered 404: %s", endpoint.api_base, message)
        return ProviderAway(
            f"The provider of {endpoint.name!r} knows no model {endpoint.model_name!r}, or the "
            "address is wrong.",
            retry_after_s=MENDED_S,
        )
    if 400 <= status < 500 and status != 408:
        return _clients_fault(said, message)
    wait_s = _seconds(retry_after) or DOWN_S
    return ProviderAway(
        f"The provider of {endpoint.name!r} does not answer: {message}", retry_after_s=wait_s
    )


def error_in_stream(endpoint: Endpoint, data: bytes) -> PlatformError:
    """An event that says that the answer does not go on."""
    said = _said(data)
    kind = said.type or ""
    message = _spoken(endpoint, said, "it broke off")
    if kind in ("overloaded_error", "rate_limit_error", "rate_limit_exceeded"):
        return Overloaded(
            f"The provider of {endpoint.name!r} takes no more for now: {message}",
            retry_after_s=CROWDED_S,
        )
    return ProviderAway(
        f"The provider of {endpoint.name!r} broke off: {message}", retry_after_s=DOWN_S
    )


def away(endpoint: Endpoint, reason: str, detail: str = "") -> ProviderAway:
    """The detail, an address of ours perhaps, is for the log."""
    logger.warning("%s (%s): %s %s", endpoint.api_base, endpoint.name, reason, detail)
    return ProviderAway(
        f"The provider of {endpoint.name!r} does not answer: {reason}.", retry_after_s=DOWN_S
    )


def _clients_fault(said: _Said, message: str) -> InvalidRequest:
    if any(mark in f"{said.code} {message}".lower() for mark in _TOO_LONG):
        error = ContextOverflow.__new__(ContextOverflow)  # its constructor has numbers we lack
        PlatformError.__init__(error, f"{message} (context_length_exceeded)", param="messages")
        return error
    return InvalidRequest(message, param=said.param)


def _spoken(endpoint: Endpoint, said: _Said, otherwise: str) -> str:
    """The provider's own words, without the key: some repeat it."""
    text = (said.message or otherwise)[:MESSAGE_LIMIT]
    return text.replace(endpoint.api_key, "***") if endpoint.api_key else text


def _said(body: bytes) -> _Said:
    try:
        # Gemini wraps its errors into a list when a stream was asked for.
        said = msgspec.json.decode(body, type=_Body | list[_Body])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()
    if isinstance(said, list):
        said = said[0] if said else _Body()
    if isinstance(said.error, _Said):
        return said.error
    return _Said(message=said.error or said.message)


def _seconds(retry_after: str | None) -> int | None:
    """Rounded up; None for a date, or nothing."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return min(max(1, -int(-seconds // 1)), LONGEST_RETRY_S) if seconds >= 0 else None
