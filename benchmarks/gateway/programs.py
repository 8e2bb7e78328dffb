"""The upstream and the client are C: the gateway must be the slowest of the three."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")


@dataclass(frozen=True, slots=True)
class Programs:
    upstream: Path
    client: Path


def compiled(cache: Path) -> Programs:
    """From the cache, or by the machine's C compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    folder = cache / "benchmarks" / _fingerprint(compiler or "")
    built = [_compiled(compiler, name, folder) for name in ("upstream", "client")]
    return Programs(*built)


def _compiled(compiler: str | None, name: str, folder: Path) -> Path:
    program = folder / name
    if program.exists():
        return program
    if compiler is None:
        raise SystemExit(
            "error: the load of this benchmark is compiled, and there is no C compiler (cc): "
            "sudo apt install gcc libc6-dev, or name one: CC=clang"
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Linked elsewhere and renamed: another run may look at the same moment.
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / name
        command = [compiler, *FLAGS, "-o", str(made), str(SOURCES / f"{name}.c")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)}\n{ran.stderr.strip()}")
        made.rename(program)
    return program


def _fingerprint(compiler: str) -> str:
    digest = hashlib.sha256(" ".join((compiler, *FLAGS, os.uname().machine)).encode())
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
