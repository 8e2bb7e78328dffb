"""A worker dies, and somebody is told: controller, Prometheus, Alertmanager, webhook."""

import subprocess
from urllib.request import urlopen

import pytest

from tests.ops.stage import Stage, wait_for
from tests.ops.tools import tool

pytestmark = pytest.mark.ops


def test_a_killed_worker_is_told_of_and_stays_a_target(stage: Stage) -> None:
    stage.workers["doomed"].kill()
    address = stage.addresses["doomed"]
    (alert, *_) = wait_for(lambda: stage.heard_of("WorkerDown", "on-call"))
    assert alert["labels"]["instance"] == address
    assert alert["annotations"]["summary"] == f"Worker {address} is down"
    wait_for(lambda: stage.heard_of("NoWorkerForModel", "on-call"))  # forgotten by the controller
    assert stage.targets()[address] == "down"


def test_the_figures_are_as_prometheus_wants_them(stage: Stage) -> None:
    """One finding is allowed: the guide's name has a unit that Prometheus would not choose."""
    for url in (stage.api, stage.controller, f"http://{stage.addresses['m']}"):
        with urlopen(f"{url}/metrics", timeout=30) as answer:
            text = answer.read()
        done = subprocess.run(
            [tool("promtool"), "check", "metrics"], input=text, capture_output=True
        )
        said = (done.stdout + done.stderr).decode().strip().splitlines()
        assert [line for line in said if not line.startswith("worker_gpu_memory_mb ")] == []
