"""Telling systemd that a service is ready, that it lives, and that it ends (sd_notify)."""

import contextlib
import socket
from collections.abc import Callable

Notify = Callable[[str], None]

READY, ALIVE, ENDING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def notifier(address: str | None) -> Notify:
    """`address` is what systemd puts into NOTIFY_SOCKET; without one nobody listens."""
    if not address:
        return lambda state: None
    # A name without a file begins with a zero byte, which is written as @.
    path = "\0" + address[1:] if address.startswith("@") else address

    def notify(state: str) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one,
        ):
            one.setblocking(False)
            one.sendto(state.encode(), path)

    return notify
