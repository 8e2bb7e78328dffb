"""Import each module named on the command line and print, as JSON, what its import did besides.

A process of its own, because an audit hook stays for good.
"""

import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

FORBIDDEN = (
    "os.exec", "os.fork", "os.mkdir", "os.posix_spawn", "os.putenv", "os.remove", "os.rename",
    "os.system", "shutil.", "socket.", "sqlite3.connect", "subprocess.Popen", "tempfile.",
)  # fmt: skip
# Writes a file and changes the environment when it is imported. It does so where it is used only.
THEIR_OWN = "gradio"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main(modules: list[str]) -> None:
    importlib.import_module(THEIR_OWN)
    seen: list[str] = []
    sys.addaudithook(lambda event, arguments: seen.extend(_doings(event, arguments)))
    found = {}
    for module in modules:
        before = _state()
        seen.clear()
        importlib.import_module(module)
        did = seen + [what for what, value in _state().items() if value != before[what]]
        if did:
            found[module] = did
    os.write(1, json.dumps(found).encode())


def _doings(event: str, arguments: tuple[object, ...]) -> Iterator[str]:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        yield f"open {arguments[0]!r} to write"
    elif event.startswith(FORBIDDEN):
        yield f"{event} {arguments!r}"


def _state() -> dict[str, object]:
    """What an import leaves as it was."""
    return {
        "a thread started": threading.active_count(),
        "a logger was configured": _logging(),
        "the environment changed": dict(os.environ),
        "a standard stream was replaced": (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
        "a signal handler was set": [signal.getsignal(n) for n in signal.valid_signals()],
        "an except hook was replaced": (sys.excepthook, threading.excepthook),
    }


def _logging() -> list[tuple[int, int]]:
    root = logging.getLogger()
    ours = [logger for name, logger in root.manager.loggerDict.items() if name[:8] == "fastchat"]
    loggers = [root, *(logger for logger in ours if isinstance(logger, logging.Logger))]
    return [(logger.level, len(logger.handlers)) for logger in loggers if logger.handlers]


if __name__ == "__main__":
    main(sys.argv[1:])
