"""Our worker answers the calls of 0.2.36 in the shapes of 0.2.36, and here with the same words."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.compat.exchanges import CALLS, called, record, recorded
from tests.compat.processes import NAME, Server
from tests.running import MODEL, RunningPlatform

GENERATING = [name for name, (path, _) in CALLS.items() if "generate" in path]

# What differs, in which calls, and why ours is another.
ON_PURPOSE: Sequence[tuple[str, Sequence[str], str]] = [
    ("usage", GENERATING, "0.2.36 counts from nought: its last token is missing in the sum"),
    ("text", ["stop token"], "0.2.36 leaves the token that ends an answer in it"),
    ("text", ["echo", "as test_throughput asks"], "0.2.36 loses the special tokens of the prompt"),
    ("shape", ["logprobs"], "0.2.36 leaves each of top_logprobs empty"),
    ("shape", ["status"], "ours also tells which template writes its prompts"),
    ("shape", ["no such path"], "every error of ours has OpenAI's shape"),
    ("error_code", ["no such path"], "and beside it the keys of a message of 0.2.36"),
    ("text", ["no such path"], "and beside it the keys of a message of 0.2.36"),
    ("conv", ["template"], "started without --conv-template, ours tells the model's own"),
    ("context_length", ["details", "status"], "a setting of these tests; ours is in both"),
]

# What must be the same beyond its shape. The names of the models are not.
VALUES = ("text", "finish_reason", "usage", "error_code", "count", "context_length", "conv")

every_call = pytest.mark.parametrize("name", CALLS)


def shape(value: Any) -> Any:
    """The keys, and the kinds of what they hold."""
    if isinstance(value, dict):
        return {key: shape(held) for key, held in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {int: "number", float: "number"}.get(type(value), type(value).__name__)


def differences(ours: dict[str, Any], original: dict[str, Any]) -> Iterator[str]:
    """Of a stream the first and the last message are compared."""
    if ours["status"] != original["status"]:
        yield "status"
    for mine, theirs in zip(_ends(ours["answer"]), _ends(original["answer"]), strict=True):
        if shape(mine) != shape(theirs):
            yield "shape"
        for key in VALUES:
            if mine.get(key) != theirs.get(key):
                yield key


def _ends(answer: Any) -> list[Any]:
    return [answer[0], answer[-1]] if isinstance(answer, list) else [answer]


@every_call
def test_our_worker_answers_like_the_originals(platform: RunningPlatform, name: str) -> None:
    ours, original = called(platform.worker, MODEL, name), recorded()[name]
    expected = {difference for difference, calls, _ in ON_PURPOSE if name in calls}
    assert set(differences(ours, original)) == expected, (ours, original)


@pytest.mark.compat
@pytest.mark.timeout(300, func_only=True)
def test_the_recording_is_what_the_original_does(original_worker: Server) -> None:
    assert record(original_worker, NAME) == _nearly(recorded())


def _nearly(value: Any) -> Any:
    """Another processor computes other last digits."""
    if isinstance(value, dict):
        return {key: _nearly(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_nearly(held) for held in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
