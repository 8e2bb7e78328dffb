"""End what `fastchat up` started: `python3 -m fastchat.serve.down`."""

import asyncio
import sys
import time

from fastchat.cluster.down import DownConfig, down
from fastchat.cluster.report import Report
from fastchat.cluster.state import StateFolder
from fastchat.core.config import state_folder
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail


def main() -> None:
    config = begin(DownConfig, "down")
    folder = StateFolder(state_folder() / "running")
    try:
        asyncio.run(down(config, folder, Report(sys.stdout, clock=time.monotonic)))
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
