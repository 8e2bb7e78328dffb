"""What is installed here: for a bug report, and to see which engines could run."""

import platform
import sys
from dataclasses import dataclass

from fastchat import __version__
from fastchat.engines.installed import accelerators, engines
from fastchat.relay import connection


@dataclass(frozen=True, kw_only=True)
class VersionConfig:
    """Show the versions of fastchat, of Python and of the engines, and the accelerators.

    Examples:

        fastchat version
        python3 -m fastchat.serve.version
    """


def version(_: VersionConfig) -> None:
    rows = [
        ("fastchat", __version__),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("platform", platform.platform()),
        ("request path", "plain Python" if connection.__file__.endswith(".py") else "machine code"),
        *((f"engine {name}", state) for name, state in engines()),
        *(("accelerator", one) for one in accelerators() or ["none found"]),
    ]
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows))
