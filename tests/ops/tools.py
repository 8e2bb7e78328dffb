"""Programs of other projects, as Debian packages them: here they must be."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.running import ROOT

DEPLOY = ROOT / "deploy"


def tool(name: str) -> str:
    """Where it is. A suite that ends green because a program is missing proves nothing."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert found is not None, f"{name} is missing: `make ops-tools` installs it"
    return found


def run(name: str, *arguments: str | Path, cwd: Path = ROOT) -> str:
    """What the program says; it must end well."""
    done = subprocess.run(
        [tool(name), *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
