"""langchain-openai: a text turn, a streamed one, and a loop with a bound tool."""

from importlib.metadata import version

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from tests.conformance.talk import QUESTION, Told, base_url, model, tell, weather

chat = ChatOpenAI(
    model=model(), base_url=f"{base_url()}/v1", api_key="none", temperature=0, max_tokens=200
)
messages = [HumanMessage(QUESTION)]
bound = chat.bind_tools([tool(weather)])
called = bound.invoke(messages)
(call,) = called.tool_calls
messages += [called, ToolMessage(weather(**call["args"]), tool_call_id=call["id"])]
tell(
    Told(
        version=version("langchain-openai"),
        text=chat.invoke("Say hello.", max_tokens=16).content,
        streamed="".join(chunk.content for chunk in chat.stream("Say hello.", max_tokens=16)),
        tool=call["name"],
        answer=bound.invoke(messages).content,
    )
)
