"""FastChat 0.2.36 in an environment of its own (`make check-compat` makes it), and mixtures."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.compat.processes import Processes, Server, Side, original_python, processes
from tests.compat.scripted_worker import ScriptedWorker

CONVERT = Path(__file__).with_name("convert_smollm2.py")


@pytest.fixture(scope="session")
def original() -> Path:
    """The interpreter of the original; without it nothing here can be said, and that is no pass."""
    python = original_python()
    if not python.exists():
        pytest.fail(f"not run: there is no {python}; `make check-compat` makes it", pytrace=False)
    return python


@pytest.fixture(scope="session")
def weights(original: Path, smollm2_path: Path) -> Mapping[Side, Path]:
    """The same weights for both: GGUF for ours, a Hugging Face folder for the original."""
    folder = original.parents[1] / "smollm2"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        subprocess.run([original, CONVERT, smollm2_path, unfinished], check=True, timeout=900)
        unfinished.rename(folder)
    return {"ours": smollm2_path, "original": folder}


@pytest.fixture(scope="session")
def shared(
    weights: Mapping[Side, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    with processes(tmp_path_factory.mktemp("shared"), weights) as started:
        yield started


@pytest.fixture
def own(weights: Mapping[Side, Path], tmp_path: Path) -> Iterator[Processes]:
    """For tests that kill and restart."""
    with processes(tmp_path, weights) as started:
        yield started


@pytest.fixture(scope="session")
def our_controller(shared: Processes) -> Server:
    return shared.controller("ours")


@pytest.fixture(scope="session")
def original_controller(shared: Processes) -> Server:
    return shared.controller("original")


@pytest.fixture(scope="session")
def original_worker(shared: Processes, our_controller: Server) -> Server:
    """Registered with a controller of ours."""
    return shared.worker("original", our_controller)


@pytest.fixture(scope="session")
def our_worker(shared: Processes, original_controller: Server) -> Server:
    """Registered with a controller of 0.2.36."""
    return shared.worker("ours", original_controller)


@pytest.fixture
def scripted() -> Iterator[ScriptedWorker]:
    with ScriptedWorker.listening() as worker:
        yield worker
