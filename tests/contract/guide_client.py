"""The guide's client examples as printed but for address and model. Runs on openai 0.28."""

import sys

import openai

openai.api_base, model = sys.argv[1:]
openai.api_key = "EMPTY"

response = openai.ChatCompletion.create(
    model=model,
    messages=[{"role": "user", "content": "Which city is the capital of France?"}],
    temperature=0,
    max_tokens=30,
)
plain = response.choices[0].message.content

response = openai.ChatCompletion.create(
    model=model,
    messages=[{"role": "user", "content": "Which city is the capital of France?"}],
    temperature=0,
    max_tokens=30,
    stream=True,
)
streamed = ""
for chunk in response:
    if chunk.choices[0].delta.get("content"):
        streamed += chunk.choices[0].delta.content
assert plain == streamed, (plain, streamed)

try:
    openai.ChatCompletion.create(model="nobody", messages=[{"role": "user", "content": "x"}])
except openai.error.InvalidRequestError as error:
    assert "Only" in str(error)
else:
    raise AssertionError("an unknown model was answered")
print(plain)
