"""Answers as models of each family write them, and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from fastchat.core.chat import Tool
from fastchat.core.generation import Chunk, joined
from fastchat.model.writing import FORMATS, Format, Reader

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
}
TOOLS = {name: Tool(name=name, parameters=PARAMETERS) for name in ("weather", "time")}
PARIS = '{"city": "Paris </tool_call> \\"{[", "days": 2}'
TIME = '{"city": "漢🦜"}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    format: str
    answer: str
    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = (("weather", PARIS),)
    thinks: bool = False


def hermes(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def deepseek(name: str, arguments: str) -> str:
    return (
        f"<|tool▁call▁begin|>function<|tool▁sep|>{name}\n```json\n{arguments}\n```<|tool▁call▁end|>"
    ).replace("|", "\N{FULLWIDTH VERTICAL LINE}")


BOTH = (("weather", PARIS), ("time", TIME))
WRITTEN: Sequence[Written] = (
    Written(format="hermes", answer="Just text, 1 < 2.", text="Just text, 1 < 2.", calls=()),
    Written(format="hermes", answer=hermes("weather", PARIS)),
    Written(
        format="hermes",
        answer=f"Let me see.\n{hermes('weather', PARIS)}\n{hermes('time', TIME)}",
        text="Let me see.",
        calls=BOTH,
    ),
    Written(
        format="hermes",
        answer=f"<think>\nHm, <tool_call>?\n</think>\n\n{hermes('time', TIME)}",
        reasoning="Hm, <tool_call>?",
        calls=(("time", TIME),),
        thinks=True,
    ),
    Written(
        format="hermes",
        answer="<think>\nHm.\n\n</think>\n\n Well.",
        text="Well.",
        reasoning="Hm.",
        calls=(),
        thinks=True,
    ),
    Written(format="hermes", answer=f'```json\n{{"name": "weather", "arguments": {PARIS}}}\n```'),
    Written(
        format="hermes",
        answer='```json\n{"name": "Bob"}\n```',
        text='```json\n{"name": "Bob"}\n```',
        calls=(),
    ),
    Written(
        format="hermes",
        answer='<tool_call>{"arguments": {"days": 1}, "name": "time"}</tool_call> Done.',
        text="Done.",
        calls=(("time", '{"days": 1}'),),
    ),
    Written(
        format="hermes",
        answer='<tool_call>{"name": "time", "arguments": "{\\"days\\": 1}"}</tool_call>',
        calls=(("time", '{"days": 1}'),),
    ),
    Written(
        format="hermes", answer='<tool_call>{"name": "time"}</tool_call>', calls=(("time", "{}"),)
    ),
    Written(format="hermes", answer=f'{{{{"name": "weather", "arguments": {PARIS}}}}}'),
    Written(
        format="hermes",
        answer=f'```json\n{{{{"name": "weather", "arguments": {{{PARIS}}}}}}}\n```',
    ),
    Written(
        format="hermes",
        answer=(
            f'<tool_call>\n{{{{"name": "weather", "arguments": {PARIS}}}}}\n</tool_call>\n'
            f'<tool_call>\n{{{{"name": "time", "arguments": {TIME}}}\n</tool_call> Done.'
        ),
        text="Done.",
        calls=BOTH,
    ),
    Written(
        format="hermes",
        answer='{{"name": "weather"}}, {{"a": {{}}}} is doubled.',
        text='{{"name": "weather"}}, {{"a": {{}}}} is doubled.',
        calls=(),
    ),
    Written(
        format="qwen3-coder",
        answer=(
            "Yes.\n<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n"
            "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"
        ),
        text="Yes.",
        calls=(("weather", '{"city": "12", "days": 3}'),),
    ),
    Written(
        format="qwen3-coder",
        answer="<tool_call>\n<function=time>\n</function>\n</tool_call>",
        calls=(("time", "{}"),),
    ),
    Written(
        format="deepseek",
        answer=(
            f"<|tool▁calls▁begin|>{deepseek('weather', PARIS)}\n{deepseek('time', TIME)}"
            "<|tool▁calls▁end|>"
        ).replace("|", "\N{FULLWIDTH VERTICAL LINE}"),
        calls=BOTH,
    ),
    Written(
        format="mistral",
        answer=f"[TOOL_CALLS]weather[ARGS]{PARIS}[TOOL_CALLS]time[ARGS]{TIME}",
        calls=BOTH,
    ),
    Written(
        format="mistral-list",
        answer=(
            f'[TOOL_CALLS] [{{"name": "weather", "arguments": {PARIS}}}, '
            f'{{"name": "time", "arguments": {TIME}}}]'
        ),
        calls=BOTH,
    ),
    Written(format="llama", answer=f'{{"name": "weather", "parameters": {PARIS}}}'),
    Written(format="llama", answer=f'<|python_tag|>{{"name": "weather", "parameters": {PARIS}}}'),
)


def format_named(name: str) -> Format:
    return next(one for one in FORMATS if one.name == name)


def reader_of(written: Written, *, parallel: bool = True, thinking: bool = False) -> Reader:
    numbers = count(1)
    return Reader(
        format=format_named(written.format),
        tools=TOOLS,
        thinks=written.thinks,
        parallel=parallel,
        new_id=lambda: f"id{next(numbers)}",
        mode="think" if thinking else "start",
    )


def said_by(reader: Reader, pieces: Sequence[str], *, cut: bool = False) -> Chunk:
    return joined([*map(reader.push, pieces), reader.rest(cut=cut)])


def calls_in(chunk: Chunk) -> tuple[tuple[str, str], ...]:
    return tuple((call.name, call.arguments) for call in chunk.tool_calls)
