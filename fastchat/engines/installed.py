"""Which engines could run here, and on what."""

import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from fastchat.engines import ENGINES

# The distribution that an engine needs; those without a row need none.
LIBRARIES = {"llama_cpp": "xllamacpp", "transformers": "transformers"}
EXTRAS = {"llama_cpp": "llama_cpp", "transformers": "model_worker"}

_ANSWER_S = 10.0
_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def engines() -> Iterator[tuple[str, str]]:
    """Each engine and the version of what it stands on, or how to install that."""
    for name in ENGINES:
        library = LIBRARIES.get(name)
        yield name, "needs nothing" if library is None else _version(name, library)


def accelerators() -> list[str]:
    """What NVIDIA's tool knows. Empty without the tool, or when it finds nothing."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _version(engine: str, library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"not installed: pip install 'fschat[{EXTRAS[engine]}]'"
