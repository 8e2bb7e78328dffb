"""Ending with the supervisor, even when it is killed and can tell nobody."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(supervisor_pid: int) -> None:
    """Get SIGTERM when the parent process dies (Linux; elsewhere this does nothing)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor_pid:  # it died before we asked
        raise SystemExit(0)
