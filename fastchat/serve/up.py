"""Start the whole platform: `python3 -m fastchat.serve.up [platform.toml | MODEL ...]`."""

import sys

from fastchat.cluster.up import UpConfig, up
from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail


def main() -> None:
    config = begin(UpConfig, "up")
    try:
        up(config, environment(), sys.stdout, sys.stdin)
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
