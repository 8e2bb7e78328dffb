"""`fastchat up --detach`: the same command again, in the background, watched until it is ready."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from fastchat.cluster.state import StateFolder
from fastchat.core.errors import ConfigError

# Tells the command that it is the one in the background.
DETACHED = "FASTCHAT_DETACHED"
UP_LOG = "up.log"
_LOOK_EVERY_S = 0.1
_ERROR = "error: "


def detach(
    words: Sequence[str],
    environment: Mapping[str, str],
    logdir: Path,
    folder: StateFolder,
    out: TextIO,
) -> None:
    """Returns when everything has been started. Raises `ConfigError` when it ended instead."""
    path = logdir / UP_LOG
    with path.open("ab") as log:
        began = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "fastchat.serve.up", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**environment, DETACHED: "1"},
            start_new_session=True,
        )
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C gives the start up
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(began)
            _follow(process, lines, folder, out)
    except KeyboardInterrupt:
        out.write("Stopping.\n")
        process.terminate()
        process.wait()
        raise ConfigError("given up before everything was ready; nothing runs") from None


def _follow(
    process: "subprocess.Popen[bytes]", lines: TextIO, folder: StateFolder, out: TextIO
) -> None:
    fault = ""
    while True:
        over = _ends_soon(process)
        settled = any(state.pid == process.pid and state.is_settled for state in folder.running())
        text = lines.read()
        if not fault:
            said, mark, text = text.partition(_ERROR)
            out.write(said)
            out.flush()
            fault = mark
        fault += text
        if over:
            reason = fault.removeprefix(_ERROR).strip()
            raise ConfigError(reason or f"it ended without a word; its log is {lines.name}")
        if settled:
            return


def _ends_soon(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(_LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True
