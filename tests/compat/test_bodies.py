"""What an API server sends to a worker of 0.2.36: ours must send what the original sends."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.compat.bodies import (
    CHAT,
    COMPLETION,
    REFUSED,
    REQUESTS,
    asked,
    differences,
    record,
    recorded,
)
from tests.compat.processes import Server, processes
from tests.compat.scripted_worker import CONTEXT_LENGTH, ScriptedWorker

COMPLETIONS = [
    name for name, (path, body) in REQUESTS.items() if path == COMPLETION and not body.get("stream")
]

# What differs, in which requests, and why ours is another.
ON_PURPOSE: Sequence[tuple[str, Sequence[str], str]] = [
    (
        "prompt",
        ["two system messages"],
        "of several system messages, 0.2.36 drops all but the last",
    ),
    ("echo", ["echo"], "ours repeats the prompt itself: the worker loses its special tokens"),
    (
        "encoding_format",
        ["one embedding in base64"],
        "ours asks for numbers and encodes them itself",
    ),
    ("use_beam_search", COMPLETIONS, "ours leaves it out: `false` is what a worker assumes"),
    (REFUSED, ["beams"], "0.2.36 sends it on, and its model_worker ignores it in silence"),
    (REFUSED, ["echo and logprobs"], "open: log probabilities of a prompt"),
    (REFUSED, ["a picture"], "open: pictures for workers of 0.2.36"),
]

# Whoever sets no small limit gets what the context has room for. 0.2.36 counts one token too many,
# and so its worker drops the first token of the prompt.
FILLING = [
    name
    for name, (path, body) in REQUESTS.items()
    if path == CHAT and body.get("max_tokens", 10_000) > CONTEXT_LENGTH
]

every_request = pytest.mark.parametrize("name", REQUESTS)


@pytest.fixture(scope="module")
def worker() -> Iterator[ScriptedWorker]:
    with ScriptedWorker.listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def api(worker: ScriptedWorker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ours, with the worker behind it."""
    with processes(tmp_path_factory.mktemp("ours")) as started:
        controller = started.controller("ours")
        worker.register(controller.url)
        server = started.api("ours", controller)
        yield server


@every_request
def test_the_worker_is_asked_as_the_original_asks_it(
    worker: ScriptedWorker, api: Server, name: str
) -> None:
    ours, original = asked(worker, name, api.url), recorded()[name]
    for body in original["asked"] if name in FILLING else []:
        body["max_new_tokens"] -= 1
    expected = {difference for difference, names, _ in ON_PURPOSE if name in names}
    found = differences(ours, original)
    assert found == (expected if REFUSED not in expected else {REFUSED}), (ours, original)


@pytest.mark.compat
@pytest.mark.timeout(300, func_only=True)
def test_the_recording_is_what_the_original_does(original: Path, tmp_path: Path) -> None:
    assert record(tmp_path) == recorded()
