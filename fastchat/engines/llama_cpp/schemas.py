"""JSON schemas as grammars, and whether llama.cpp really enforces them."""

from collections.abc import Mapping, Sequence

import msgspec

from fastchat.core.errors import InvalidRequest
from fastchat.engines.llama_cpp.server import Server

MOST_REPEATED = 10_000
_COUNTS = frozenset(
    ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]
)
_REMEMBERED = 256
_MARK = "\x01"


def grammar(schema: Mapping[str, object]) -> str:
    """The empty schema means any JSON object."""
    return f"%llguidance {{}}\nstart: {_value(schema)}"


class Schemas:
    """llama.cpp answers freely, without a word, when it cannot compile a schema. So each schema is
    tried once, behind a mark that no model would write of its own accord."""

    def __init__(self) -> None:
        self._enforced: dict[str, None] = {}

    def check(self, schema: Mapping[str, object], server: Server) -> None:
        """Raises `InvalidRequest`. Takes a slot for one token; from any thread."""
        _check_counts(schema)
        value = _value(schema)
        if value in self._enforced:
            return
        if not _says_mark(value, server):
            raise InvalidRequest(
                "response_format: the JSON schema cannot be enforced. Look for unknown types, "
                "formats or references, for regular expressions that do not compile, and for "
                "what is seldom supported: not, if, uniqueItems.",
                param="response_format",
            )
        self._enforced[value] = None
        while len(self._enforced) > _REMEMBERED:
            self._enforced.pop(next(iter(self._enforced)), None)


def _check_counts(schema: object) -> None:
    """llama.cpp lays out every repetition in memory: a count of a billion takes all there is."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in _COUNTS and isinstance(value, int | float) and value > MOST_REPEATED:
                raise InvalidRequest(
                    f"response_format: {key} {value} is more than {MOST_REPEATED}",
                    param="response_format",
                )
            _check_counts(value)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for item in schema:
            _check_counts(item)


def _says_mark(value: str, server: Server) -> bool:
    said: list[bytes] = []

    def receive(raw: bytes) -> bool:
        said.append(raw)
        return False

    marked = f'%llguidance {{}}\nstart: "\\u0001" value\nvalue: {value}'
    probe = {"prompt": "{", "stream": True, "n_predict": 1, "temperature": 0, "grammar": marked}
    server.handle_completions(msgspec.json.encode(probe), receive)
    return any(_text(raw) == _MARK for raw in said)


def _text(raw: bytes) -> str:
    event = msgspec.json.decode(raw, type=_Event)
    return event.choices[0].text if event.choices else ""


class _Choice(msgspec.Struct):
    text: str


class _Event(msgspec.Struct):
    choices: list[_Choice] = []


def _value(schema: Mapping[str, object]) -> str:
    return "%json " + msgspec.json.encode(schema or {"type": "object"}).decode()
