"""A model whose template knows no tools is told of them in words, and made to call them."""

import json

from fastchat.core.chat import Chat, Message, NamedTool, Tool, ToolCall
from fastchat.core.constraints import Grammar, OneOf, Regex
from fastchat.core.generation import collect
from fastchat.engines.llama_cpp.engine import LlamaCppEngine
from tests.engines.requests import ask

CITY = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"city": {"enum": ["Paris", "Lima"]}},
}
TOOLS = (Tool(name="weather", parameters=CITY), Tool(name="time", parameters=CITY))
QUESTION = Message(role="user", content="What is the weather in Paris?")


async def test_a_named_tool_is_called_with_arguments_of_its_schema(llama: LlamaCppEngine) -> None:
    prompt = Chat((QUESTION,), TOOLS, NamedTool("time"), parallel_tool_calls=False)
    answer = await collect(llama.generate(ask(prompt, max_tokens=60)))
    (call,) = answer.tool_calls
    assert (answer.text, answer.finish_reason, call.name) == ("", "tool_calls", "time")
    assert json.loads(call.arguments)["city"] in ("Paris", "Lima")


async def test_a_call_comes_in_pieces_that_make_one(llama: LlamaCppEngine) -> None:
    prompt = Chat((QUESTION,), TOOLS, "required", parallel_tool_calls=False)
    chunks = [chunk async for chunk in llama.generate(ask(prompt, max_tokens=60))]
    deltas = [delta for chunk in chunks for delta in chunk.tool_calls]
    assert len(deltas) > 2
    assert [bool(delta.id) for delta in deltas] == [bool(delta.name) for delta in deltas]
    assert json.loads("".join(delta.arguments for delta in deltas))
    assert not "".join(chunk.text for chunk in chunks)


async def test_what_a_tool_said_is_a_part_of_the_prompt(llama: LlamaCppEngine) -> None:
    call = ToolCall(id="1", name="weather", arguments='{"city": "Paris"}')
    said = Message(role="assistant", tool_calls=(call,))
    rain = Message(role="tool", content="rain", tool_call_id="1")
    prompt = await llama.render(Chat((QUESTION, said, rain), TOOLS))
    assert '{"name": "weather", "arguments": {"city": "Paris"}}' in prompt
    assert prompt.index('"city"') < prompt.index("rain")


async def test_an_answer_follows_a_pattern_a_choice_or_a_grammar(llama: LlamaCppEngine) -> None:
    pattern = ask("Bird:", constraint=Regex(r"[a-f]/\d{2}"), max_tokens=20)
    assert (await collect(llama.generate(pattern))).text[1:2] == "/"
    choice = ask("Bird:", constraint=OneOf(("owl", 'a "b"')), max_tokens=20)
    assert (await collect(llama.generate(choice))).text in ("owl", 'a "b"')
    lark = ask("Bird:", constraint=Grammar('start: "x" Y\nY: /y{3}/'), max_tokens=20)
    assert (await collect(llama.generate(lark))).text == "xyyy"
