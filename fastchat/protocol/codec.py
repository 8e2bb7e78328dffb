"""Bytes to messages and back; what a peer got wrong is an `InvalidRequest` naming the field."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from fastchat.core.errors import InvalidRequest

M = TypeVar("M")

encode = msgspec.json.Encoder().encode
# Of each kind of message the one that reads it, made once.
_decoders: dict[type[Any], Callable[[bytes], Any]] = {}

_WHERE = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`")


def decode(body: bytes, kind: type[M]) -> M:
    """Raises `InvalidRequest` for anything that is not this message."""
    decoder: Callable[[bytes], M] | None = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind).decode
    try:
        if not body.isascii():  # text in fields that nobody reads is not looked at below
            body.decode()
        return decoder(body)
    except msgspec.ValidationError as error:
        raise _rejected(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None


def _rejected(reason: str) -> InvalidRequest:
    where = _WHERE.search(reason)
    if where is None:
        missing = re.search(r"missing required field `([^`]+)`", reason)
        return InvalidRequest(reason, param=missing.group(1) if missing else None)
    path = where.group("path") or None
    missing = re.search(r"missing required field `([^`]+)`", reason)
    if missing:
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
    field = path or "the body"
    return InvalidRequest(f"{field}: {_WHERE.sub('', reason)}", param=path)
