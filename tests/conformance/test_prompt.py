"""What a real model reads of a loop with tools is what its own tokenizer makes of it: so what it
answers is its own doing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.chat import Chat, Message, Tool, ToolCall
from fastchat.engines.llama_cpp import Options, create
from tests.conformance.conftest import MODEL_PATH
from tests.conformance.talk import QUESTION, TOOL, weather

pytestmark = [pytest.mark.templates, pytest.mark.filterwarnings("ignore")]

FUNCTION: dict[str, Any] = TOOL["function"]  # type: ignore[assignment]  # an object to clients
OURS = (
    Message(role="user", content=QUESTION),
    Message(
        role="assistant",
        tool_calls=(ToolCall(id="c1", name="weather", arguments='{"city": "Paris"}'),),
    ),
    Message(role="tool", content=weather("Paris"), tool_call_id="c1"),
)
THEIRS: Sequence[dict[str, Any]] = (
    {"role": "user", "content": QUESTION},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}],
    },
    {"role": "tool", "content": weather("Paris")},
)


async def test_the_prompt_of_a_tool_loop_is_that_of_the_models_own_tokenizer() -> None:
    from transformers import AutoTokenizer

    path = Path(MODEL_PATH)
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    engine = create(Options(model=path, names=("m",), slots=1, context_length=1024, device="cpu"))
    tool = Tool(
        name=FUNCTION["name"],
        description=FUNCTION["description"],
        parameters=FUNCTION["parameters"],
    )
    try:
        for said in (1, 3):
            ours = await engine.render(Chat(OURS[:said], tools=(tool,)))
            theirs = tokenizer.apply_chat_template(
                list(THEIRS[:said]), tools=[TOOL], tokenize=False, add_generation_prompt=True
            )
            assert ours == theirs
            ids = tokenizer(theirs, add_special_tokens=False)["input_ids"]
            assert list(await engine.tokenize(ours)) == ids
    finally:
        await engine.aclose()
