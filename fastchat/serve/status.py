"""Show what `fastchat up` runs: `python3 -m fastchat.serve.status [--watch]`."""

import asyncio
import sys

from fastchat.cluster.show import StatusConfig, show
from fastchat.cluster.state import StateFolder
from fastchat.cluster.up import TOKEN
from fastchat.core.config import environment, state_folder
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail


def main() -> None:
    config = begin(StatusConfig, "status")
    folder = StateFolder(state_folder() / "running")
    token = environment().get(TOKEN) or None
    try:
        status = asyncio.run(show(config, folder, token, sys.stdout))
    except ConfigError as error:
        fail(error)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
