"""Ending with the process that started this one, even when it is killed and can tell nobody."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1

# Stands for a moment between a process of ours and a program that is none of ours, in the
# interpreter that runs both of them: what it asks of the kernel outlives `exec`.
_TIE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "parent, *argv = sys.argv[1:]; "
    "os.getppid() == int(parent) or sys.exit(0); os.execvp(argv[0], argv)"
)


def die_with(supervisor_pid: int) -> None:
    """Get SIGTERM when the parent process dies (Linux; elsewhere this does nothing)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor_pid:  # it died before we asked
        raise SystemExit(0)


def tied(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line by which a child of this process runs `argv`, with SIGTERM for it when this
    process dies. For the main thread only: children end with the thread that forked."""
    if not sys.platform.startswith("linux"):
        return tuple(argv)
    return (sys.executable, "-IS", "-c", _TIE, str(os.getpid()), *argv)
