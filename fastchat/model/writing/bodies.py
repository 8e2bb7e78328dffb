"""What stands between the marks of a call, by format: its name, and its arguments as JSON."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fastchat.core.chat import Tool
from fastchat.model.writing.objects import JsonObject, JsonValue, Member, decoded

Tools = Mapping[str, Tool]

# DeepSeek's marks, with wide bars.
DEEPSEEK = "<\N{FULLWIDTH VERTICAL LINE}{}\N{FULLWIDTH VERTICAL LINE}>"


@dataclass(frozen=True, slots=True)
class Piece:
    """Of a call: its name, once, or more of its arguments."""

    name: str = ""
    arguments: str = ""


class Body(Protocol):
    """Reads one call, or several: each begins with its name. `readable` when a name was known."""

    done: bool
    readable: bool

    def push(self, text: str) -> tuple[list[Piece], str]:
        """What is new, and what stands behind the call when it is done."""
        ...


@dataclass(slots=True)
class JsonCall:
    """`{"name": ..., "arguments": {...}}`; some models write parameters for arguments."""

    done: bool = False
    readable: bool = False
    _object: JsonObject = field(default_factory=JsonObject)
    _raw_name: str = ""
    _held: str = ""
    _streams: bool = False
    _doubled: bool = False
    _told: bool = False

    def push(self, text: str) -> tuple[list[Piece], str]:
        members, rest = self._object.push(text)
        pieces = [piece for member in members for piece in self._read(member)]
        if self._object.done:
            self.done = True
            pieces += self._last()
        return pieces, rest if self.done else ""

    def _read(self, member: Member) -> list[Piece]:
        if member.key == "name":
            self._raw_name += member.raw
            return self._named() if member.ended else []
        if member.key not in ("arguments", "parameters"):
            return []
        return self._argued(member)

    def _named(self) -> list[Piece]:
        name = decoded(self._raw_name)
        if not isinstance(name, str) or not name:
            return []
        self.readable = True
        return [Piece(name=name)]

    def _argued(self, member: Member) -> list[Piece]:
        """Streamed when it is an object and it is known whose; else when it is whole."""
        self._held += member.raw
        self._streams = self._streams or self._may_stream()
        if not (self._streams or member.ended) or not self.readable:
            return []
        raw, self._held = self._held, ""
        if not self._streams:
            raw = _as_object(raw)
        elif self._doubled and member.ended:
            raw = raw.removesuffix("}")
        self._told = True
        return [Piece(arguments=raw)]

    def _may_stream(self) -> bool:
        """From the second character on: the first brace may be doubled."""
        begun = self._held.lstrip()
        if not self.readable or begun[:1] != "{" or not begun[1:].strip():
            return False
        if begun[1:].lstrip()[0] == "{":
            self._doubled = True
            self._held = begun[1:].lstrip()
        return True

    def _last(self) -> list[Piece]:
        if not self.readable or self._told:
            return []
        return [Piece(arguments=_as_object(self._held))]


@dataclass(slots=True)
class JsonCalls:
    """One such object, or a list of them."""

    done: bool = False
    readable: bool = False
    _in_list: bool = False
    _call: JsonCall | None = None

    def push(self, text: str) -> tuple[list[Piece], str]:
        pieces: list[Piece] = []
        while text and not self.done:
            if self._call is None:
                text = self._between(text)
            else:
                new, text = self._call.push(text)
                pieces += new
                self.readable = self.readable or self._call.readable
                if self._call.done:
                    self._call, self.done = None, not self._in_list
        return pieces, text

    def _between(self, text: str) -> str:
        """What is left from the next object on."""
        text = text.lstrip()
        match text[:1]:
            case "[" if not self._in_list:
                self._in_list = True
            case "," if self._in_list:
                pass
            case "]" if self._in_list:
                self.done = True
            case "":
                return ""
            case _:
                self._call = JsonCall()
                return text
        return text[1:]


def _as_object(raw: str) -> str:
    """Some models write their arguments as a text that holds JSON; some leave them out."""
    value = decoded(raw)
    if isinstance(value, str):
        return value
    return raw.strip() if isinstance(value, dict) else "{}"


@dataclass(slots=True)
class NamedCall:
    """The name, a mark, and the arguments: `name[ARGS]{...}`. `before` may stand before the name;
    all up to `ends` belongs to the call."""

    marks: tuple[str, ...]
    before: str = ""
    ends: str = ""
    done: bool = False
    readable: bool = False
    _held: str = ""
    _value: JsonValue = field(default_factory=JsonValue)

    def push(self, text: str) -> tuple[list[Piece], str]:
        self._held += text
        pieces = []
        if not self.readable:
            start = self._held.find("{")
            if start < 0:
                return [], ""
            name = self._name(self._held[:start])
            self._held = self._held[start:]
            self.readable = bool(name)
            pieces.append(Piece(name=name))
        if not self._value.done:
            count = self._value.push(self._held)
            pieces.append(Piece(arguments=self._held[:count]))
            self._held = self._held[count:]
        if not self._value.done:
            return pieces, ""
        self.done = self.ends in self._held
        return pieces, self._held.partition(self.ends)[2] if self.ends else self._held

    def _name(self, head: str) -> str:
        for mark in self.marks:
            head = head.replace(mark, "\n")
        return head.strip().removeprefix(self.before).strip().partition("\n")[0].strip()


_FUNCTION = re.compile(r"\s*<function=([^>\n]+)>")
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_FUNCTION_ENDS = re.compile(r"\s*</function>")


@dataclass(slots=True)
class TaggedCall:
    """`<function=name><parameter=key>value</parameter></function>`: values are bare, so what they
    are is looked up in the tool's schema."""

    tools: Tools
    done: bool = False
    readable: bool = False
    _name: str = ""
    _held: str = ""
    _count: int = 0

    def push(self, text: str) -> tuple[list[Piece], str]:
        self._held += text
        pieces: list[Piece] = []
        if not self.readable:
            found = _FUNCTION.match(self._held)
            if found is None:
                return [], ""
            self._name, self.readable = found[1].strip(), True
            self._held = self._held[found.end() :]
            pieces.append(Piece(name=self._name))
        while found := _PARAMETER.match(self._held):
            pieces.append(Piece(arguments=self._member(found[1].strip(), found[2])))
            self._held = self._held[found.end() :]
        if ended := _FUNCTION_ENDS.match(self._held):
            self.done = True
            pieces.append(Piece(arguments="}" if self._count else "{}"))
            return pieces, self._held[ended.end() :]
        return pieces, ""

    def _member(self, key: str, raw: str) -> str:
        self._count += 1
        value = raw if self._is_text(key) else decoded(raw)
        written = json.dumps(raw if value is None else value, ensure_ascii=False)
        return f"{'{' if self._count == 1 else ', '}{json.dumps(key)}: {written}"

    def _is_text(self, key: str) -> bool:
        tool = self.tools.get(self._name)
        properties = tool.parameters.get("properties") if tool is not None else None
        schema = properties.get(key) if isinstance(properties, Mapping) else None
        return isinstance(schema, Mapping) and schema.get("type") == "string"


NewBody = Callable[[Tools], Body]


def json_call(tools: Tools) -> Body:
    return JsonCalls()


def tagged_call(tools: Tools) -> Body:
    return TaggedCall(tools)


def mistral_call(tools: Tools) -> Body:
    return NamedCall(marks=("[ARGS]",))


def deepseek_call(tools: Tools) -> Body:
    return NamedCall(
        marks=(DEEPSEEK.format("tool▁sep"),),
        before="function",
        ends=DEEPSEEK.format("tool▁call▁end"),
    )
