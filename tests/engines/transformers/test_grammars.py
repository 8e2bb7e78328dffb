"""What an answer must look like is enforced while it is written: calls of tools, too."""

import asyncio
import json
from typing import Any

import pytest

from fastchat.core.chat import Chat, Message, NamedTool, Tool, ToolCall
from fastchat.core.constraints import Constraint, Grammar, JsonSchema, OneOf, Regex
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Chunk, collect
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.model.writing.formats import HERMES
from fastchat.model.writing.grammar import wanted_of
from tests.engines.requests import ask, chat

pytestmark = pytest.mark.transformers

PERSON = {
    "type": "object",
    "properties": {"name": {"enum": ["Ann", "Bob"]}, "age": {"type": "integer", "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
CITY = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}},
    "required": ["city"],
    "$defs": {"city": {"enum": ["Paris", "Lima"]}},
}
TOOLS = (Tool(name="weather", parameters=CITY), Tool(name="time", parameters=CITY))
QUESTION = Message(role="user", content="What is the weather in Paris?")


async def answer(hf: TransformersEngine, prompt: Any = "Bird:", **changes: Any) -> Chunk:
    return await collect(hf.generate(ask(prompt, **({"max_tokens": 60} | changes))))


@pytest.mark.parametrize("how", [{"temperature": 1.0, "top_p": 0.9}, {"seed": 1}, {"logprobs": 2}])
async def test_the_answer_follows_the_schema(hf: TransformersEngine, how: dict[str, Any]) -> None:
    schema = JsonSchema(PERSON)
    said = await answer(hf, chat("Who are you?"), constraint=schema, max_tokens=600, **how)
    person = json.loads(said.text)
    assert (sorted(person), said.finish_reason) == (["age", "name"], "stop")


@pytest.mark.parametrize(
    ("constraint", "wanted"),
    [
        (OneOf(("owl",)), "owl"),
        (Regex(r"a/b{3}"), "a/bbb"),
        (Grammar('start: "x" Y\nY: /y{3}/'), "xyyy"),
        (JsonSchema({"const": "🦜é漢"}), '"🦜é漢"'),
    ],
)
async def test_other_constraints_hold(
    hf: TransformersEngine, constraint: Constraint, wanted: str
) -> None:
    assert (await answer(hf, constraint=constraint)).text == wanted


@pytest.mark.parametrize(("blanks", "fits"), [(40, True), (41, False)])
def test_between_two_parts_of_json_blanks_are_bounded(blanks: int, fits: bool) -> None:
    from llguidance import LLMatcher, LLTokenizer

    wanted = wanted_of(None, JsonSchema({"const": [1]}), HERMES, thinking=False)
    assert wanted is not None
    grammar = LLMatcher.grammar_from_lark(wanted.lark)
    matcher = LLMatcher(LLTokenizer("byte"), grammar, log_level=0)
    text = b"[" + b"\n" * blanks + b"1]"
    assert (matcher.try_consume_tokens(list(text)) == len(text)) is fits


@pytest.mark.parametrize(
    ("constraint", "param"),
    [
        (JsonSchema({"type": "strange"}), "response_format"),
        (Regex("(("), "guided_regex"),
        (Grammar("start: nothing"), "guided_grammar"),
        (Grammar("start: start"), "guided_grammar"),
        (Grammar('start: "x" start'), "guided_grammar"),
    ],
)
async def test_what_cannot_be_enforced_is_refused(
    hf: TransformersEngine, constraint: Constraint, param: str
) -> None:
    with pytest.raises(InvalidRequest, match="cannot be enforced") as refusal:
        await answer(hf, constraint=constraint)
    assert refusal.value.param == param


async def test_those_beside_it_answer_as_they_like(hf: TransformersEngine) -> None:
    alone = await answer(hf, max_tokens=8)
    free, bound = await asyncio.gather(
        answer(hf, max_tokens=8), answer(hf, constraint=OneOf(("owl",)))
    )
    assert (free.text, bound.text) == (alone.text, "owl")


async def test_a_named_tool_is_called_with_arguments_of_its_schema(hf: TransformersEngine) -> None:
    prompt = Chat((QUESTION,), TOOLS, NamedTool("time"), parallel_tool_calls=False)
    said = await answer(hf, prompt)
    (call,) = said.tool_calls
    assert (said.text, said.finish_reason, call.name) == ("", "tool_calls", "time")
    assert json.loads(call.arguments)["city"] in ("Paris", "Lima")


async def test_what_a_tool_said_is_a_part_of_the_prompt(hf: TransformersEngine) -> None:
    call = ToolCall(id="1", name="weather", arguments='{"city": "Paris"}')
    said = Message(role="assistant", tool_calls=(call,))
    rain = Message(role="tool", content="rain", tool_call_id="1")
    prompt = await hf.render(Chat((QUESTION, said, rain), TOOLS))
    assert prompt.index('"arguments": {"city": "Paris"}') < prompt.index("rain")
