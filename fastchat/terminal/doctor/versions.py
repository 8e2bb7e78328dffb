"""What is installed, and whether it fits together."""

import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence

from fastchat import __version__
from fastchat.terminal.doctor.finding import DoctorConfig, Finding

_ANSWER_S = 60.0
_PIP = (sys.executable, "-m", "pip", "check", "--disable-pip-version-check")


def versions(config: DoctorConfig, pip: Sequence[str] = _PIP) -> Iterator[Finding]:
    """Another package may have brought a version that ours cannot work with: pip knows."""
    yield Finding("ok", f"fastchat {__version__}, Python {platform.python_version()}")
    try:
        done = subprocess.run(pip, capture_output=True, text=True, timeout=_ANSWER_S)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("note", f"pip does not say whether all fits together: {error}")
        return
    faults = [line for line in done.stdout.splitlines() if line.lower().startswith("fschat ")]
    for fault in faults:
        yield Finding("fault", fault, "an environment of its own, and pip install fschat there")
    if not faults:
        yield Finding("ok", "what fastchat needs is there, in versions that it works with")
