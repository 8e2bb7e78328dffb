from typing import Any

import msgspec

from fastchat.core.generation import Chunk
from fastchat.engines.llama_cpp.answer import Answer
from tests.engines.requests import ask


def _event(text: str, id: int = 1, finish: str | None = None, tokens: int = 1) -> bytes:
    token = {"id": id, "token": text, "bytes": list(text.encode()), "logprob": -0.5}
    return msgspec.json.encode(
        {
            "choices": [{"text": text, "finish_reason": finish, "logprobs": {"content": [token]}}],
            "timings": {"cache_n": 2, "prompt_n": 3, "predicted_n": tokens},
        }
    )


def _read(answer: Answer, *events: bytes) -> list[Chunk]:
    return [chunk for event in events if (chunk := answer.read(event)) is not None]


def _answer(**changes: Any) -> Answer:
    return Answer(ask(**changes))


def test_the_progress_of_the_prompt_is_not_text() -> None:
    progress = (
        b'{"choices": [{"text": "", "finish_reason": null}], "prompt_progress": {"total": 9}}'
    )
    assert _answer().read(progress) is None


def test_usage_counts_what_was_cached() -> None:
    (chunk,) = _read(_answer(), _event("a", tokens=4))
    assert (chunk.usage.prompt_tokens, chunk.usage.cached_tokens) == (5, 2)
    assert chunk.usage.completion_tokens == 4


def test_text_and_logprobs_are_held_back_together() -> None:
    answer = _answer(stop=("xyz",), logprobs=0)
    chunks = _read(answer, _event("a"), _event("x"), _event("y"), _event("b"))
    assert [chunk.text for chunk in chunks] == ["a", "xyb"]
    assert [[one.token for one in chunk.logprobs] for chunk in chunks] == [["a"], ["x", "y", "b"]]


def test_held_text_comes_with_the_end() -> None:
    answer = _answer(stop=("xyz",), logprobs=0)
    (chunk,) = _read(answer, _event("x"), _event("", finish="length"))
    assert (chunk.text, chunk.finish_reason) == ("x", "length")
    assert answer.ended


def test_a_stop_string_ends_the_answer() -> None:
    answer = _answer(stop=("xyz",), logprobs=0)
    (chunk,) = _read(answer, _event("ax"), _event("yz"))[1:]
    assert (chunk.text, chunk.finish_reason, chunk.logprobs) == ("", "stop", ())
    assert answer.ended


def test_a_stop_token_ends_the_answer_and_frees_what_was_held_back() -> None:
    answer = _answer(stop=("xyz",), stop_token_ids=(7,))
    (chunk,) = _read(answer, _event("x"), _event("!", id=7))
    assert (chunk.text, chunk.finish_reason) == ("x", "stop")
