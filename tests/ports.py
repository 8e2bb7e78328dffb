"""Ports that are still free when the process that was told of one comes to take it."""

import os
import socket
from collections.abc import Iterator

# Below those that the kernel gives to whoever asks for any; a share for each worker of xdist.
LOWEST, EACH, SHARES = 22_000, 1_100, 8


def _turns() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")
    first = LOWEST + int(worker) % SHARES * EACH
    at = os.getpid()  # two sessions on one machine seldom begin at the same
    while True:
        at += 1
        yield first + at % EACH


_PORTS = _turns()


def free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the turns have no end")


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
