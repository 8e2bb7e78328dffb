"""Each gateway is installed into an environment of its own, kept in the cache folder: those of
others from the package index, ours as the wheel that `make wheel` builds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

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


def own_environment(source: Path, cache: Path, say: Callable[[str], None]) -> Path:
    """As `environment`, with the wheel of the source as it is now."""
    files = [*sorted((source / "fastchat").rglob("*.py")), source / "pyproject.toml"]
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = cache / "benchmarks" / f"fschat-{digest}"
    finished = folder / ".installed"
    if finished.exists():
        return folder
    for outdated in folder.parent.glob("fschat-*"):
        shutil.rmtree(outdated, ignore_errors=True)
    say("compiling fastchat's wheel: some minutes")
    wheels = folder / "wheels"
    limits = {"PIP_CONSTRAINT": str(source / "constraints.txt")}
    build = [sys.executable, "-m", "build", "--outdir", str(wheels), str(source)]
    _run(build, "fastchat's wheel", limits | {"HATCH_BUILD_HOOK_ENABLE_MYPYC": "1"})
    (wheel,) = wheels.glob("*.whl")
    _run([sys.executable, "-m", "venv", str(folder)], "fastchat")
    install = ["-m", "pip", "install", "-q", "--only-binary=:all:", str(wheel)]
    _run([str(folder / "bin" / "python"), *install], "fastchat", limits)
    finished.touch()
    return folder


def _run(
    command: list[str], requirement: str, environment: Mapping[str, str] = MappingProxyType({})
) -> None:
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_S,
            env=os.environ | environment,
        )
    except subprocess.TimeoutExpired:
        raise NotRun(f"{requirement} was not installed within {INSTALL_S} s") from None
    if ran.returncode != 0:
        lines = ran.stderr.strip().splitlines() or ["no word"]
        raise NotRun(f"{requirement} cannot be installed: {lines[-1]}")
