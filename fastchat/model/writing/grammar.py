"""What an answer must look like as one grammar, in llguidance's dialect of Lark, which llama.cpp
understands as well.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastchat.core.chat import Chat, NamedTool, Tool
from fastchat.core.constraints import Constraint, Grammar, JsonSchema, OneOf, Regex
from fastchat.core.errors import InvalidRequest
from fastchat.model.writing.formats import Format

MOST_REPEATED = 10_000

_COUNTS = frozenset(
    ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]
)
_NEW_LINE = "\n"
_ANY_OBJECT = {"type": "object"}
# Between two parts of JSON. Without a bound a small model draws line after line to its last token.
_BLANKS = {"x-guidance": {"whitespace_pattern": r"[ \t\n\r]{0,40}"}}

# Reasoning that the prompt has begun already; what has to follow a pattern comes behind it.
_THOUGHT = ("thought[lazy]: /(?s:.*)<\\/think>/", "BLANKS: /\\s{0,8}/")

_PARAMS: Mapping[type[Constraint], str] = {
    JsonSchema: "response_format",
    Regex: "guided_regex",
    OneOf: "guided_choice",
    Grammar: "guided_grammar",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`start` is the right side of the first rule. `param` names the request's field."""

    start: str
    rules: str
    param: str

    @property
    def lark(self) -> str:
        return f"start: {self.start}\n{self.rules}"


def wanted_of(
    chat: Chat | None, constraint: Constraint | None, format: Format, *, thinking: bool
) -> Wanted | None:
    """None when the model may write what it likes. Raises `InvalidRequest`."""
    tools = chat.tools if chat is not None and chat.offers_tools else ()
    must_call = chat is not None and bool(tools) and chat.must_call
    choices, rules = [], []
    if constraint is not None and not must_call:
        choices.append("value")
        rules.append(f"value: {_value(constraint)}")
    if tools and (must_call or choices):
        assert chat is not None
        choices.append("calls")
        rules += _calls(chat, _chosen(chat), format)
    if not choices:
        return None
    start = " | ".join(choices)
    if thinking:
        start = f"thought BLANKS ({start})"
        rules += _THOUGHT
    param = "tools" if constraint is None or must_call else _PARAMS[type(constraint)]
    return Wanted(start, "\n".join(rules), param)


def _value(constraint: Constraint) -> str:
    match constraint:
        case JsonSchema(schema):
            check_counts(schema, "response_format")
            return _json(schema)
        case Regex(pattern):
            return _pattern(pattern)
        case OneOf(texts):
            return " | ".join(map(_text, texts))
        case Grammar(text):
            return _lark(text)


def _lark(text: str) -> str:
    if "::=" in text:
        raise InvalidRequest(
            "guided_grammar: a grammar is written in Lark here (start: ...), not in GBNF or EBNF",
            param="guided_grammar",
        )
    return f"%lark {{\n{text}\n}}"


def _pattern(text: str) -> str:
    """Between slashes, as Lark has it."""
    slashed = re.sub(r"(\\.)|/", lambda found: found[1] or "\\/", text, flags=re.DOTALL)
    return "/" + slashed.replace("\n", "\\n") + "/"


def _chosen(chat: Chat) -> Sequence[Tool]:
    choice = chat.tool_choice
    named = choice.name if isinstance(choice, NamedTool) else None
    return [tool for tool in chat.tools if named in (None, tool.name)]


def _calls(chat: Chat, tools: Sequence[Tool], format: Format) -> Iterator[str]:
    """Each tool's arguments are a schema of their own: what it refers to stands in itself."""
    one = f"{_text(format.opens + _NEW_LINE)} call {_text(_NEW_LINE + format.closes)}"
    one = one if format.spelt else "call"
    more = f" ({_text(_NEW_LINE)} {one})*" if chat.parallel_tool_calls and format.spelt else ""
    yield f"calls: {one}{more}"
    yield f"call: {' | '.join(f'call_{number}' for number, _ in enumerate(tools))}"
    for number, tool in enumerate(tools):
        check_counts(tool.parameters, "tools")
        head = f'{{"name": {json.dumps(tool.name)}, "arguments": '
        yield f"call_{number}: {_text(head)} arguments_{number} {_text('}')}"
        yield f"arguments_{number}: {_json(tool.parameters)}"


def _json(schema: Mapping[str, object]) -> str:
    return f"%json {json.dumps({**_BLANKS, **(schema or _ANY_OBJECT)}, ensure_ascii=False)}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def check_counts(schema: object, param: str) -> None:
    """Every repetition is laid out in memory: a count of a billion takes all there is."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in _COUNTS and isinstance(value, int | float) and value > MOST_REPEATED:
                raise InvalidRequest(
                    f"{param}: {key} {value} is more than {MOST_REPEATED}", param=param
                )
            check_counts(value, param)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for item in schema:
            check_counts(item, param)
