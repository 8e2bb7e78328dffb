"""Each gateway from the package index gets an environment of its own, kept in the cache folder."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

INSTALL_S = 900


class NotRun(Exception):
    """A gateway that could not be measured, and why."""


def environment(requirement: str, cache: Path, say: Callable[[str], None]) -> Path:
    """The folder of an environment with this requirement, made when it is missing."""
    folder = (
        cache / "benchmarks" / "".join(c if c.isalnum() or c in ".-" else "-" for c in requirement)
    )
    finished = folder / ".installed"
    if finished.exists():
        return folder
    say(f"installing {requirement} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], requirement)
    # Wheels only: what must be compiled here would take longer than the benchmark.
    install = ["-m", "pip", "install", "-q", "--only-binary=:all:", requirement]
    _run([str(folder / "bin" / "python"), *install], requirement)
    finished.touch()
    return folder


def _run(command: list[str], requirement: str) -> None:
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=INSTALL_S
        )
    except subprocess.TimeoutExpired:
        raise NotRun(f"{requirement} was not installed within {INSTALL_S} s") from None
    if ran.returncode != 0:
        lines = ran.stderr.strip().splitlines() or ["no word"]
        raise NotRun(f"{requirement} cannot be installed: {lines[-1]}")
