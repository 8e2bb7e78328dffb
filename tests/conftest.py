"""What tests of several folders share."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from fastchat.core.config import cache_folder
from fastchat.model.weights import DEFAULT_MODEL, resolve
from tests.running import RunningPlatform, running_platform


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that serves in production."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def own_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's keys and conversations but the tests' own, here and in child processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTCHAT_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """The whole platform as real processes with the real model. Leave it as you found it."""
    with running_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    """The weights of the built-in model: real, small, fetched once for this machine."""
    return resolve(DEFAULT_MODEL, cache=cache_folder())
