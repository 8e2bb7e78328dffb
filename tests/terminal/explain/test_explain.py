"""`fastchat explain`: from the lines that the API server writes to what it says of a request."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from fastchat.core.codes import ErrorCode
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Usage
from fastchat.core.json_lines import JsonLines
from fastchat.core.logging import LINE, STAMP
from fastchat.core.tracing import Opened, Place
from fastchat.gateway.passage import Passage, Trouble, log
from fastchat.terminal.explain.explain import ExplainConfig, explain
from fastchat.terminal.explain.remedies import REMEDIES
from tests.running import MODEL, ROOT, RunningPlatform, ask

PASSAGE = Passage(
    id="id-1", path="/v1/chat/completions", key="ann", model="my model", stream=True, status=200,
    error_code=None, worker="http://b", tries=2, migrations=0, first_byte_s=1.5, total_s=3.5,
    at_worker="queue;dur=100.0, worker;dur=300.0",
    counts=Usage(prompt_tokens=7, completion_tokens=41),
    troubles=(Trouble("http://a", "silent", 1.0),),
)  # fmt: skip
FORMATS = {"text": logging.Formatter(LINE, STAMP), "json": JsonLines()}

Write = Callable[..., None]


@pytest.fixture(params=FORMATS)
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Log a passage as the API server does, or a message."""

    def write(passage: Passage | None = None, message: str = "", name: str = "api.log") -> None:
        handler = logging.FileHandler(tmp_path / name)
        handler.setFormatter(FORMATS[request.param])
        logger = logging.getLogger("openai_api_server")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            log(passage) if passage is not None else logger.warning(message)
        finally:
            logger.removeHandler(handler)
            handler.close()

    return write


def explained(folder: Path, id: str = "id-1", **flags: bool) -> str:
    said: list[str] = []
    explain(ExplainConfig(id=id, **flags), lambda: [folder], said.append)  # type: ignore[arg-type]  # a test names its flags
    return "\n".join(said)


def test_the_time_is_told_part_by_part(write: Write, tmp_path: Path) -> None:
    write(PASSAGE)
    (told,) = json.loads(explained(tmp_path, json=True))["requests"]
    assert told["parts_ms"] == {
        "lost at other workers": 1000,
        "API server and the way to the worker": 200,
        "wait for a slot": 100,
        "worker, until its first word": 200,
        "the rest of the answer": 2000,
    }
    assert sum(told["parts_ms"].values()) == told["total_ms"]


def test_who_asked_whom_is_told_in_words(write: Write, tmp_path: Path) -> None:
    write(PASSAGE)
    said = explained(tmp_path)
    for part in (
        "request id-1: /v1/chat/completions, answered (200)",
        "key     ann",
        "model   my model",
        "worker  http://b, 2 tries",
        "http://a fell silent after 1,000.0 ms",
        "7 of the prompt, 41 of the answer: 20.0 a second",
    ):
        assert part in said


def test_its_trace_is_named(write: Write, tmp_path: Path) -> None:
    write(replace(PASSAGE, trace=Opened(Place(0xABC, 1), None)))
    assert f"trace   {0xABC:032x}" in explained(tmp_path)
    (told,) = json.loads(explained(tmp_path, json=True))["requests"]
    assert told["trace_id"] == f"{0xABC:032x}"


def test_an_error_is_told_with_what_helps(write: Write, tmp_path: Path) -> None:
    write(replace(PASSAGE, status=503, error_code=50005, worker="", first_byte_s=None, counts=None))
    said = explained(tmp_path)
    assert "failed (503)" in said
    assert "50005: no worker of that model was there" in said
    assert "until it was given up" in said


def test_what_processes_that_are_gone_have_said_is_told_too(write: Write, tmp_path: Path) -> None:
    write(message="request id-1: worker http://a: it is silent", name="api.log.2026-11-27")
    write(message="request id-10: another", name="other.log")
    write(PASSAGE)
    said = explained(tmp_path)
    assert "WARNING api.log.2026-11-27: request id-1: worker http://a: it is silent" in said
    assert "another" not in said


def test_a_request_that_is_unknown_says_where_was_looked(tmp_path: Path) -> None:
    (tmp_path / "noise.log").write_bytes(b'\xff\x00 id-1\n{"id-1": [\n{}\n')
    with pytest.raises(ConfigError, match=rf"no log in {tmp_path} .* --log-requests"):
        explained(tmp_path)


def test_an_id_that_was_given_twice_is_told_twice(write: Write, tmp_path: Path) -> None:
    write(PASSAGE)
    write(replace(PASSAGE, status=499))
    assert explained(tmp_path).count("request id-1: ") == 2


def test_every_error_has_a_remedy() -> None:
    assert set(REMEDIES) == set(ErrorCode)


def test_a_request_of_a_running_platform_is_explained(platform: RunningPlatform) -> None:
    body = {"model": MODEL, "max_tokens": 3, "messages": [{"role": "user", "content": "Hi"}]}
    chat, named = f"{platform.api}/v1/chat/completions", {"x-request-id": "mine-7"}
    assert ask(chat, body, headers=named)[0] == 200
    done = subprocess.run(
        [sys.executable, "-m", "fastchat", "explain", "mine-7", "--logdir", str(platform.logdir)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert "request mine-7: /v1/chat/completions, answered (200)" in done.stdout
    assert "worker, until its first word" in done.stdout
