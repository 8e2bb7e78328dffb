"""openai for Python: a text turn, a streamed one, and a loop with a tool, streamed as well."""

import json

import openai

from tests.conformance.talk import QUESTION, TOOL, Told, base_url, model, tell, weather

client = openai.OpenAI(base_url=f"{base_url()}/v1", api_key="none", max_retries=0, timeout=300)
said = client.chat.completions.create(
    model=model(), messages=[{"role": "user", "content": "Say hello."}], max_tokens=16
)
stream = client.chat.completions.create(
    model=model(),
    messages=[{"role": "user", "content": "Say hello."}],
    max_tokens=16,
    stream=True,
    stream_options={"include_usage": True},
)
streamed = list(stream)
messages = [{"role": "user", "content": QUESTION}]
with client.chat.completions.stream(
    model=model(), messages=messages, tools=[TOOL], temperature=0, max_tokens=200
) as stream:
    stream.until_done()
    called = stream.get_final_completion().choices[0].message
(call,) = called.tool_calls
result = weather(**json.loads(call.function.arguments))
messages += [
    {"role": "assistant", "content": called.content, "tool_calls": [call.model_dump()]},
    {
        "role": "tool",
        "tool_call_id": call.id,
        "content": weather(**json.loads(call.function.arguments)),
    },
]
last = client.chat.completions.create(
    model=model(), messages=messages, tools=[TOOL], temperature=0, max_tokens=200
)
tell(
    Told(
        version=openai.__version__,
        text=said.choices[0].message.content,
        streamed="".join(c.choices[0].delta.content or "" for c in streamed if c.choices),
        tool=call.function.name,
        answer=last.choices[0].message.content,
    )
)
