"""A named template knows no tools: its model is told of them in words, and read all the same."""

from dataclasses import replace

import pytest

from fastchat.core.chat import Chat, Message, Tool
from fastchat.core.constraints import Grammar
from fastchat.core.errors import Unsupported
from fastchat.core.generation import GenerationRequest, collect
from fastchat.model.template import NamedTemplate
from fastchat.worker.admission import Admission
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine

TOOL = Tool(name="weather", parameters={"type": "object"})
ASK = GenerationRequest(
    id="1", model="m", prompt=Chat((Message(role="user", content="Rain?"),), (TOOL,))
)
CALL = ['<tool_call>\n{"name": "wea', 'ther", "arguments": {}}\n</tool_call>']


def shell_over(engine: ScriptedEngine) -> Shell:
    template = NamedTemplate.load("vicuna_v1.1", engine)
    return Shell(engine, Admission(1, 1, lambda: 0.0), stream_interval=1, template=template)


async def test_a_call_in_a_vicuna_answer_is_a_call() -> None:
    engine = ScriptedEngine(CALL)
    answer = await collect(shell_over(engine).generate(ASK))
    assert (answer.text, answer.finish_reason) == ("", "tool_calls")
    assert [call.name for call in answer.tool_calls] == ["weather"]
    prompt = engine.asked[0].prompt
    assert isinstance(prompt, str)
    assert '"name": "weather"' in prompt


async def test_a_call_can_be_demanded_where_there_is_a_grammar() -> None:
    assert isinstance(ASK.prompt, Chat)
    demanded = replace(ASK, prompt=replace(ASK.prompt, tool_choice="required"))
    engine = ScriptedEngine(CALL)
    with pytest.raises(Unsupported, match="tool_choice"):
        await collect(shell_over(engine).generate(demanded))
    engine.features |= {"guided_grammar"}
    await collect(shell_over(engine).generate(demanded))
    assert isinstance(engine.asked[0].constraint, Grammar)
