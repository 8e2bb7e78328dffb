"""anthropic for Python: a text turn, a streamed one, and a loop with a tool, streamed as well."""

import anthropic

from tests.conformance.talk import QUESTION, TOOL, Told, base_url, model, tell, weather

client = anthropic.Anthropic(base_url=base_url(), api_key="none", max_retries=0, timeout=300)
hello = [{"role": "user", "content": "Say hello."}]
said = client.messages.create(model=model(), messages=hello, max_tokens=16)
with client.messages.stream(model=model(), messages=hello, max_tokens=16) as stream:
    streamed = "".join(stream.text_stream)
    usage = stream.get_final_message().usage
assert usage.input_tokens > 0, usage
assert usage.output_tokens > 0, usage
counted = client.messages.count_tokens(model=model(), messages=hello)
assert counted.input_tokens, counted

function = TOOL["function"]
tool = {
    "name": function["name"],
    "description": function["description"],
    "input_schema": function["parameters"],
}
messages = [{"role": "user", "content": QUESTION}]
with client.messages.stream(
    model=model(), messages=messages, tools=[tool], max_tokens=200
) as stream:
    called = stream.get_final_message()
assert called.stop_reason == "tool_use", called
(call,) = [block for block in called.content if block.type == "tool_use"]
result = {"type": "tool_result", "tool_use_id": call.id, "content": weather(**call.input)}
messages += [
    {"role": "assistant", "content": called.content},
    {"role": "user", "content": [result]},
]
last = client.messages.create(model=model(), messages=messages, tools=[tool], max_tokens=200)
try:
    client.messages.create(model="other", messages=hello, max_tokens=16)
except anthropic.NotFoundError as error:
    refused = error.body
assert refused["error"]["type"] == "not_found_error", refused
tell(
    Told(
        version=anthropic.__version__,
        text=said.content[0].text,
        streamed=streamed,
        tool=call.name,
        answer=last.content[0].text,
    )
)
