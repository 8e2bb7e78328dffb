"""What a server of the OpenAI dialect answers instead of an answer, as an error of ours."""

import re

import msgspec

from fastchat.client.openai_wire import ErrorAnswer, ErrorFields
from fastchat.core.errors import (
    BodyTooLarge,
    ContextOverflow,
    EngineFailed,
    InvalidKey,
    InvalidRequest,
    NoPermission,
    NoWorker,
    OutOfMemory,
    OutOfRange,
    Overloaded,
    PlatformError,
    UnknownModel,
    WorkerTimeout,
)

MESSAGE_LIMIT = 1000
LONGEST_RETRY_S = 3600

# Our own numbers say more than the status; others say a word.
_BY_CODE: dict[int | str, type[PlatformError]] = {
    40001: InvalidRequest,
    40302: OutOfRange,
    40303: ContextOverflow,
    "context_length_exceeded": ContextOverflow,
    40102: InvalidKey,
    40103: NoPermission,
    40301: UnknownModel,
    "model_not_found": UnknownModel,
    42903: Overloaded,
    50001: EngineFailed,
    50002: OutOfMemory,
    50005: NoWorker,
    50006: WorkerTimeout,
}
_BY_STATUS: dict[int, type[PlatformError]] = {
    401: InvalidKey,
    403: NoPermission,
    404: UnknownModel,
    413: BodyTooLarge,
    429: Overloaded,
    503: Overloaded,
    504: WorkerTimeout,
}


# vLLM, SGLang and llama.cpp have no code for a prompt that does not fit.
_TOO_LONG = re.compile(
    r"maximum context length|context length|available context size|exceeds the (?:maximum|context)",
    re.IGNORECASE,
)


def error_of_answer(status: int, body: bytes, retry_after: str | None) -> PlatformError:
    """`body` may be anything: a proxy's page as well."""
    said = _fields(body)
    kind = (_BY_CODE.get(said.code) if said.code is not None else None) or _kind(status)
    if kind is InvalidRequest and _TOO_LONG.search(said.message or ""):
        kind = ContextOverflow
    error = _spoken(kind, said, f"The server answered with status {status}.")
    if issubclass(kind, Overloaded | NoWorker):
        error.retry_after_s = _seconds(retry_after)
    return error


def error_of_event(said: ErrorFields | str) -> PlatformError:
    """The error that ends a stream."""
    if isinstance(said, str):
        said = ErrorFields(message=said)
    kind = _BY_CODE.get(said.code, EngineFailed) if said.code is not None else EngineFailed
    return _spoken(kind, said, "The server broke off its answer.")


def _spoken(kind: type[PlatformError], said: ErrorFields, otherwise: str) -> PlatformError:
    """An error of this kind in the server's own words: the kinds have constructors of their own."""
    error = kind.__new__(kind)
    PlatformError.__init__(error, (said.message or otherwise)[:MESSAGE_LIMIT], param=said.param)
    return error


def _kind(status: int) -> type[PlatformError]:
    return _BY_STATUS.get(status) or (InvalidRequest if 400 <= status < 500 else EngineFailed)


def _fields(body: bytes) -> ErrorFields:
    try:
        said = msgspec.json.decode(body, type=ErrorAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorFields()
    if isinstance(said.error, ErrorFields):
        return said.error
    return ErrorFields(message=said.error or said.message, code=said.code)


def _seconds(retry_after: str | None) -> int | None:
    if retry_after is None or not (retry_after.isascii() and retry_after.isdecimal()):
        return None  # absent, or a date
    return min(int(retry_after[:9]), LONGEST_RETRY_S)
