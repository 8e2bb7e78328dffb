"""What an API server sends to a worker of 0.2.36: ours must send what the original sends."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.compat.bodies import REQUESTS, asked, differences, record, recorded
from tests.compat.processes import Server, processes, until
from tests.compat.scripted_worker import ScriptedWorker
from tests.running import answers

# Request and key (or "the whole request"): why ours is another.
ON_PURPOSE: Mapping[str, Mapping[str, str]] = {}

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
        until(lambda: answers(f"{server.url}/ready"))
        yield server


@every_request
def test_the_worker_is_asked_as_the_original_asks_it(
    worker: ScriptedWorker, api: Server, name: str
) -> None:
    ours = asked(worker, name, api.url)
    found = differences(ours, recorded()[name])
    assert found == set(ON_PURPOSE.get(name, {})), (ours, recorded()[name])


@pytest.mark.compat
def test_the_recording_is_what_the_original_does(original: Path, tmp_path: Path) -> None:
    assert record(tmp_path) == recorded()
