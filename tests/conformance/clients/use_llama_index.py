"""llama-index with openai-like: a text turn, a streamed one, and a loop with a function tool."""

import asyncio
from importlib.metadata import version

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from tests.conformance.talk import QUESTION, Told, base_url, model, tell, weather

llm = OpenAILike(
    model=model(),
    api_base=f"{base_url()}/v1",
    api_key="none",
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=4096,
    temperature=0,
    max_tokens=200,
    timeout=300,
)
called: list[str] = []


def watched(city: str) -> str:
    """The weather of a city now."""
    called.append("weather")
    return weather(city)


async def loop() -> str:
    tool = FunctionTool.from_defaults(watched, name="weather")
    return str(await FunctionAgent(tools=[tool], llm=llm).run(QUESTION))


answer = asyncio.run(loop())
hello = [ChatMessage(role="user", content="Say hello.")]
tell(
    Told(
        version=version("llama-index-llms-openai-like"),
        text=llm.chat(hello, max_tokens=16).message.content,
        streamed="".join(piece.delta or "" for piece in llm.stream_chat(hello, max_tokens=16)),
        tool=called[0],
        answer=answer,
    )
)
