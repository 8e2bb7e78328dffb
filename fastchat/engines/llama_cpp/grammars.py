"""Grammars, and whether llama.cpp really enforces them."""

import msgspec

from fastchat.core.errors import InvalidRequest
from fastchat.engines.llama_cpp.server import Server
from fastchat.model.writing import Wanted

_REMEMBERED = 256
_MARK = "\x01"
_DIALECT = "%llguidance {}\n"


def field_of(wanted: Wanted) -> str:
    """As a request's field of that name."""
    return f"{_DIALECT}start: {wanted.start}\n{wanted.rules}"


class Grammars:
    """llama.cpp answers freely, without a word, when it cannot compile a grammar. So each is tried
    once, behind a mark that no model would write of its own accord."""

    def __init__(self) -> None:
        self._enforced: dict[str, None] = {}

    def check(self, wanted: Wanted, server: Server) -> None:
        """Raises `InvalidRequest`. Takes a slot for one token; from any thread."""
        grammar = field_of(wanted)
        if grammar in self._enforced:
            return
        if not _says_mark(wanted, server):
            raise InvalidRequest(
                f"{wanted.param}: this cannot be enforced. In a JSON schema, look for unknown "
                "types, formats or references, for regular expressions that do not compile, and "
                "for what is seldom supported: not, if, uniqueItems.",
                param=wanted.param,
            )
        self._enforced[grammar] = None
        while len(self._enforced) > _REMEMBERED:
            self._enforced.pop(next(iter(self._enforced)), None)


def _says_mark(wanted: Wanted, server: Server) -> bool:
    said: list[bytes] = []

    def receive(raw: bytes) -> bool:
        said.append(raw)
        return False

    marked = f'{_DIALECT}start: "\\u0001" marked\nmarked: {wanted.start}\n{wanted.rules}'
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
