import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.cluster.processes import Server


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Ports that nobody has, each time another one."""
    with ExitStack() as held:
        holders = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(5)]
        ports = [int(holder.getsockname()[1]) for holder in holders]
    return iter(ports).__next__


@pytest.fixture
def server(free_port: Callable[[], int]) -> Server:
    return Server(free_port)
