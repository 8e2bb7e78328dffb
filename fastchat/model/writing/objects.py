"""A JSON object read as it is written: members are told before it is whole."""

import json
from dataclasses import dataclass, field
from typing import Literal

_BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Member:
    """A piece of the value of `key` as it was written; `ended` with the last one."""

    key: str
    raw: str
    ended: bool


@dataclass(slots=True)
class JsonValue:
    """Finds the end of one value. What is no JSON is found out by whoever decodes it."""

    done: bool = False
    _depth: int = 0
    _in_string: bool = False
    _escaped: bool = False
    _begun: bool = False

    def push(self, text: str) -> int:
        """How many characters belong to the value; fewer than all of them when it is done."""
        for position, character in enumerate(text):
            if self._ends_before(character):
                self.done = True
                return position
            self._take(character)
            if self.done:
                return position + 1
        return len(text)

    def _ends_before(self, character: str) -> bool:
        """Numbers and words end with what comes behind them."""
        plain = self._begun and not self._in_string and self._depth == 0
        return plain and character in ",}]" + _BLANK

    def _take(self, character: str) -> None:
        if self._in_string:
            self._in_string = self._escaped or character != '"'
            self._escaped = character == "\\" and not self._escaped
            self.done = not self._in_string and self._depth == 0
            return
        self._begun = self._begun or character not in _BLANK
        if character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            self.done = self._depth <= 0


@dataclass(slots=True)
class JsonObject:
    """`broken` when it is none. Its braces may be doubled, `{{"key": ...}}`: the template of
    Qwen2.5-Coder shows calls like that, and the model copies it."""

    done: bool = False
    broken: bool = False
    _expects: Literal["object", "key", "colon", "value", "more", "brace"] = "object"
    _doubled: bool | None = None  # None: nothing but one brace has come
    _key: str = ""
    _value: JsonValue = field(default_factory=JsonValue)

    def push(self, text: str) -> tuple[list[Member], str]:
        """What is new, and what stands behind the object when it is done."""
        found: list[Member] = []
        position = 0
        while position < len(text) and not self.done and not self.broken:
            if self._expects in ("key", "value") and not self._at_blank(text[position]):
                position = self._read(text, position, found)
                continue
            position += self._expect(text[position])
        return found, text[position:]

    def _at_blank(self, character: str) -> bool:
        between = not self._value._begun
        ends = self._expects == "key" and character in "{}"
        return between and (character in _BLANK or ends)

    def _expect(self, character: str) -> int:
        """How many characters were used."""
        if character in _BLANK:
            return 1
        match self._expects, character:
            case ("object", "{") | ("more", ","):
                self._await("key")
            case ("key", "{") if self._doubled is None:
                self._doubled = True
            case ("colon", ":"):
                self._await("value")
            case ("more", "}") | ("key", "}") if self._doubled:
                self._expects = "brace"
            case ("more", "}") | ("key", "}") | ("brace", "}"):
                self.done = True
            case ("brace", _):
                self.done = True
                return 0
            case _:
                self.broken = True
        return 1

    def _await(self, what: Literal["key", "value"]) -> None:
        self._expects, self._value = what, JsonValue()
        if what == "key":
            self._key = ""

    def _read(self, text: str, start: int, found: list[Member]) -> int:
        count = self._value.push(text[start:])
        raw = text[start : start + count]
        if self._expects == "key":
            self._doubled = self._doubled or False
            self._key += raw
            if self._value.done:
                self._key = self._decoded_key()
                self._expects = "colon"
        else:
            found.append(Member(self._key, raw, self._value.done))
            if self._value.done:
                self._expects = "more"
        return start + count

    def _decoded_key(self) -> str:
        key = decoded(self._key)
        self.broken = not isinstance(key, str)
        return str(key)


def decoded(raw: str) -> object:
    """None for what is no JSON, too."""
    try:
        value: object = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value
