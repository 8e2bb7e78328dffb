"""Each gateway is installed into an environment of its own, kept in the cache folder: those of
others from the package index, ours as the wheel that `make wheel` builds."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

INSTALL_S = 900
# An environment of ours for a source that was measured before, perhaps beside this one.
KEPT_S = 7 * 86_400


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
    folder = cache / "benchmarks" / f"fschat-{_digest(source)}"
    finished = folder / ".installed"
    if finished.exists():
        return folder
    for outdated in folder.parent.glob("fschat-*"):
        if time.time() - outdated.stat().st_mtime > KEPT_S:
            shutil.rmtree(outdated, ignore_errors=True)
    say("compiling fastchat's wheel: some minutes")
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    limits = {"PIP_CONSTRAINT": str(source / "constraints.txt")}
    build = [sys.executable, "-m", "build", "--outdir", str(wheels), str(source)]
    _run(build, "fastchat's wheel", limits | {"HATCH_BUILD_HOOK_ENABLE_MYPYC": "1"})
    (wheel,) = wheels.glob("*.whl")
    _run([sys.executable, "-m", "venv", str(folder)], "fastchat")
    install = ["-m", "pip", "install", "-q", "--only-binary=:all:", str(wheel)]
    _run([str(folder / "bin" / "python"), *install], "fastchat", limits)
    compiled = "from fastchat.relay import connection as c; exit(c.__file__.endswith('.py'))"
    _run([str(folder / "bin" / "python"), "-I", "-c", compiled], "fastchat's compiled wheel")
    finished.touch()
    return folder


def _digest(source: Path) -> str:
    """Of all that goes into the environment."""
    packaged = [file for file in (source / "fastchat").rglob("*") if file.is_file()]
    files = [file for file in sorted(packaged) if file.suffix not in (".pyc", ".so")]
    files += [source / "pyproject.toml", source / "constraints.txt"]
    contents = [sys.version.encode(), *(file.read_bytes() for file in files)]
    return sha256(b"\0".join(contents)).hexdigest()[:12]


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
