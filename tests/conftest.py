"""What tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.running import RunningPlatform, running_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """The whole platform as real processes with the real model. Leave it as you found it."""
    with running_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running
