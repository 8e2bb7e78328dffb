import json

import pytest

from fastchat.core.chat import Chat, Message, NamedTool, Tool, ToolChoice
from fastchat.core.constraints import JsonSchema, Regex
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import GenerationRequest
from fastchat.model.writing import Manner, format_of

USER = Message(role="user", content="x")
TOOL = Tool(name="f", parameters={"type": "object"})
OTHER = Tool(name="g", parameters={"type": "object"})


def asked(
    choice: ToolChoice = "auto", *tools: Tool, constraint: JsonSchema | Regex | None = None
) -> GenerationRequest:
    chat = Chat((USER,), tools, choice)
    return GenerationRequest(id="1", model="m", prompt=chat, constraint=constraint)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{% for tool in tools %}<tool_call>", "hermes"),
        ("<tool_call>\n<function=", "qwen3-coder"),
        ("[TOOL_CALLS] [", "mistral-list"),
        ("[TOOL_CALLS] [ARGS]", "mistral"),
        ("<|python_tag|>", "llama"),
        ("nothing", "hermes"),
    ],
)
def test_the_template_tells_the_format(source: str, name: str) -> None:
    assert format_of(source).name == name


def test_who_may_answer_freely_is_held_to_nothing() -> None:
    assert Manner.of("").wanted(asked("auto", TOOL), "") is None


def test_a_named_tool_is_the_only_one_in_the_grammar() -> None:
    wanted = Manner.of("").wanted(asked(NamedTool("g"), TOOL, OTHER), "")
    assert wanted is not None
    assert '\\"g\\"' in wanted.lark
    assert '\\"f\\"' not in wanted.lark


def test_a_schema_leaves_room_for_a_call() -> None:
    wanted = Manner.of("").wanted(asked("auto", TOOL, constraint=JsonSchema({})), "")
    assert wanted is not None
    assert wanted.start == "value | calls"
    assert wanted.param == "response_format"


def test_reasoning_that_has_begun_comes_before_what_is_wanted() -> None:
    manner = Manner.of("<think></think> tools")
    wanted = manner.wanted(asked(constraint=Regex("a")), "<|assistant|><think>\n")
    assert wanted is not None
    assert wanted.start == "thought BLANKS (value)"


def test_a_conversation_goes_on_behind_its_reasoning() -> None:
    manner = Manner.of("</think>")
    assert manner.continued("<think>\n", "So") == "<think>\n\n</think>\n\nSo"
    assert manner.continued("x", "So") == "xSo"


def test_a_template_that_knows_no_tools_is_told_in_words() -> None:
    system = Message(role="system", content="Be kind.")
    told = Manner.of("{{ messages }}").told(Chat((system, USER), (TOOL,)))
    assert told.messages[0].text.startswith("Be kind.")
    assert json.dumps("f") in told.messages[0].text
    assert not told.tools
    same = Chat((system, USER), (TOOL,))
    assert Manner.of("{{ tools }}").told(same) is same


def test_a_count_that_would_take_all_memory_is_refused() -> None:
    huge = {"type": "array", "items": {"type": "string"}, "minItems": 1_000_000_000}
    with pytest.raises(InvalidRequest, match=r"response_format: minItems .* is more than 10000"):
        Manner.of("").wanted(asked(constraint=JsonSchema(huge)), "")
    tool = Tool(name="f", parameters={"properties": {"a": huge}})
    with pytest.raises(InvalidRequest, match="tools: minItems"):
        Manner.of("").wanted(asked("required", tool), "")
