"""A prompt that is repeated with its log probabilities, as OpenAI's completions had it."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from fastchat.core.errors import OutOfRange, Unsupported
from fastchat.core.generation import (
    Chunk,
    GenerationRequest,
    PromptToken,
    TokenLogprob,
    Usage,
    required_features,
)
from fastchat.protocol.openai.completion import text_completion
from fastchat.worker.legacy.translate import Messages

SMILE = "\N{GRINNING FACE}".encode()
RIVAL = TokenLogprob(token=" b", raw=b" b", logprob=-0.5)
PROMPT = (
    PromptToken(token="<s>", raw=b""),
    PromptToken(token="a", raw=b"a", logprob=-3.0, top=(RIVAL,)),
    PromptToken(token="\ufffd", raw=SMILE[:2], logprob=-2.0),
    PromptToken(token="\ufffd", raw=SMILE[2:], logprob=-1.0),
)
SAID = TokenLogprob(token="!", raw=b"!", logprob=-0.1)
TEXT = "a\N{GRINNING FACE}"


async def _generate(request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
    usage, scoring = Usage(prompt_tokens=4), request.max_tokens == 0
    told = PROMPT if request.prompt_logprobs is not None else ()
    yield Chunk(prompt_logprobs=told, usage=usage, finish_reason="length" if scoring else None)
    if not scoring:
        yield Chunk(text="!", logprobs=(SAID,), usage=usage, finish_reason="stop")


def _body(**values: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": TEXT, "echo": True, "logprobs": 1} | values).encode()


async def _choice(**values: Any) -> Any:
    completion = text_completion(_body(**values), "1", 0)
    (choice,) = json.loads(await completion.whole(_generate))["choices"]
    return choice


async def test_the_prompts_numbers_stand_before_the_answers() -> None:
    choice = await _choice()
    told = choice["logprobs"]
    assert choice["text"] == TEXT + "!"
    assert told["token_logprobs"] == [None, -3.0, -2.0, -1.0, -0.1]
    assert told["top_logprobs"][:2] == [None, {" b": -0.5}]
    assert [TEXT[at:][:1] for at in told["text_offset"]] == ["a", "a", TEXT[1], "", ""]


async def test_a_prompt_is_scored_without_an_answer() -> None:
    choice = await _choice(max_tokens=0)
    assert (choice["text"], choice["finish_reason"]) == (TEXT, "length")
    assert len(choice["logprobs"]["tokens"]) == 4


async def test_the_text_of_token_ids_is_that_of_the_tokens() -> None:
    assert (await _choice(prompt=[1, 2, 3, 4], max_tokens=0))["text"] == TEXT


async def test_a_stream_begins_with_the_prompt_and_its_numbers() -> None:
    completion = text_completion(_body(stream=True), "1", 0)
    lines = b"".join([event async for event in completion.events(_generate)]).split(b"\n\n")
    first, second = (json.loads(line[6:])["choices"][0] for line in lines[:2])
    assert (first["text"], len(first["logprobs"]["tokens"])) == (TEXT, 4)
    assert (second["text"], second["logprobs"]["text_offset"]) == ("!", [2])


def test_the_old_wire_has_them_in_every_message() -> None:
    messages = Messages(TEXT)
    messages.next(Chunk(prompt_logprobs=PROMPT))
    last = messages.next(Chunk(text="!", logprobs=(SAID,)))
    assert last.logprobs is not None
    assert last.text == TEXT + "!"
    assert last.logprobs.text_offset == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("values", [{"logprobs": None}, {"echo": False}])
def test_nothing_to_say_is_only_asked_for_with_numbers(values: dict[str, Any]) -> None:
    with pytest.raises(OutOfRange, match="minimum of 1"):
        text_completion(_body(max_tokens=0, **values), "1", 0)


def test_an_engine_has_to_declare_it() -> None:
    (request,) = text_completion(_body(), "1", 0).plan.requests
    assert "echo_with_logprobs" in required_features(request)


def test_token_ids_alone_have_no_text_to_repeat() -> None:
    with pytest.raises(Unsupported, match="echo_of_token_ids"):
        text_completion(_body(prompt=[1, 2], logprobs=None), "1", 0)
