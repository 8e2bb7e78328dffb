"""What this machine has room for."""

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from fastchat.core.config import cache_folder, environment
from fastchat.terminal.doctor.finding import DoctorConfig, Finding

# As the guide has them.
PORTS = {21001: "controller", 8000: "API server", 7860: "page", 21002: "worker", 31000: "worker"}
# A model of 7 billion parameters in 16 bits, and a little.
ROOM_BYTES = 20 * 1024**3


def ports(config: DoctorConfig) -> Iterator[Finding]:
    """A port that is taken may be taken by the platform itself: that is no fault."""
    for port, whose in PORTS.items():
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            fault = _bind(one, port)
        if fault is None:
            yield Finding("ok", f"{port} ({whose}) is free")
        elif fault == errno.EADDRINUSE:
            yield Finding("note", f"{port} ({whose}) is taken", "by the platform, or use --port")
        else:
            yield Finding("fault", f"{port} ({whose}): {os.strerror(fault)}", "use another --port")


def disk(config: DoctorConfig) -> Iterator[Finding]:
    """Where weights and logs go."""
    weights = cache_folder()
    free = shutil.disk_usage(_existing(weights)).free
    if free < ROOM_BYTES:
        yield Finding(
            "note",
            f"{weights} has {free / 1e9:.1f} GB left",
            "a model of 7 billion parameters takes 14 GB; FASTCHAT_CACHE names another folder",
        )
    else:
        yield Finding("ok", f"{weights} has {free / 1e9:.0f} GB left")
    logs = Path(environment().get("LOGDIR", "."))
    if os.access(_existing(logs), os.W_OK):
        yield Finding("ok", f"logs can be written to {logs.absolute()}")
    else:
        yield Finding(
            "fault", f"logs cannot be written to {logs.absolute()}", "LOGDIR names another folder"
        )


def _bind(one: socket.socket, port: int) -> int | None:
    try:
        one.bind(("127.0.0.1", port))
    except OSError as error:
        return error.errno
    return None


def _existing(folder: Path) -> Path:
    """It, or the nearest folder above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
