"""Engines for tests: a row whose program is the server beside this file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fastchat.engines.served import ROWS, Options, Row
from fastchat.engines.served.keeping import Patience

CHILD: Row = replace(ROWS["vllm"], program=(str(Path(__file__).with_name("child.py")),))
IMPATIENT = Patience(first_pause_s=0.05, start_probe_every_s=0.02, probe_every_s=0.05)


def options(
    *arguments: str, model: str | None = "m", names: Sequence[str] = ("m",), **values: object
) -> Options:
    given = {"row": CHILD, "names": names, "model": model, "arguments": arguments} | values
    return Options(**given)  # type: ignore[arg-type]  # what a test wants to be different
