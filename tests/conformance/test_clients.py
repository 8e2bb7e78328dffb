"""The clients that people use, each in an environment of its own, as a process of its own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance import talk
from tests.conformance.conftest import MODEL, MODEL_PATH
from tests.conformance.matrix import CLIENTS, SEEN, Client, environment
from tests.running import ROOT

pytestmark = pytest.mark.conformance

LIMIT_S = 900.0 if MODEL_PATH else 60.0


@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
def test_a_client_talks_and_calls_tools(client: Client, api: str, tmp_path: Path) -> None:
    told = talk.Told(**json.loads(_said_by(client, api, tmp_path)))
    assert told.text
    assert told.tool
    if client.loops:
        assert told.streamed
        assert talk.DEGREES in (told.answer or ""), told
    SEEN.mkdir(parents=True, exist_ok=True)
    engine = Path(MODEL_PATH).stem or "scripted"
    record = {"engine": engine, "version": told.version, "note": told.note}
    (SEEN / f"{client.name}.json").write_text(json.dumps(record))


def _said_by(client: Client, api: str, folder: Path) -> str:
    command = [*client.command(), api, MODEL]
    if client.script.suffix == ".mjs":
        given = {
            "question": talk.QUESTION,
            "tool": talk.TOOL,
            "result": f"{talk.DEGREES} degrees in",
        }
        command.append(json.dumps(given))
    # What a client would read or write at home is not this machine's.
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=environment(client.environment),
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip().splitlines()[-1]
