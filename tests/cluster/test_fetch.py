import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import pytest

from fastchat.cluster.fetch import fetch_weights, local_weights
from fastchat.cluster.plan import plan
from fastchat.cluster.platform import ModelSpec, Platform
from fastchat.cluster.report import Report
from fastchat.core.errors import ConfigError


@pytest.fixture
def report() -> Report:
    return Report(io.StringIO(), clock=lambda: 0.0)


async def test_every_model_is_fetched_once(report: Report) -> None:
    fetched: list[str] = []

    def resolve(path: str, **_: Any) -> None:
        fetched.append(path)

    assert await fetch_weights(["a", "b", "a"], report, asyncio.Event(), resolve=resolve)
    assert fetched == ["a", "b"]


async def test_a_file_on_this_machine_needs_no_fetching(report: Report, tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    assert await fetch_weights([str(tmp_path / "small.gguf")], report, asyncio.Event())


async def test_a_model_that_is_nowhere_is_an_error(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        await fetch_weights([str(tmp_path / "none.gguf")], report, asyncio.Event())


async def test_a_download_that_ctrl_c_has_ended_is_no_error(report: Report) -> None:
    stop = asyncio.Event()
    stop.set()

    def resolve(_: str, **__: Any) -> None:
        raise ConfigError("pip was interrupted")

    assert not await fetch_weights(["a"], report, stop, resolve=resolve)


async def test_stop_does_not_wait_for_a_slow_network(report: Report) -> None:
    stop, network = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def resolve(_: str, **__: Any) -> None:
        loop.call_soon_threadsafe(stop.set)
        network.wait()

    assert not await fetch_weights(["a"], report, stop, resolve=resolve)
    network.set()


def test_a_model_from_a_hub_is_left_to_its_engine() -> None:
    models = (ModelSpec(), ModelSpec(path="nobody/has-this"), ModelSpec(path="e", engine="echo"))
    found = local_weights(plan(Platform(models=models)))
    assert found == {"model_worker_31000": "smollm2-135m-instruct"}
