"""Register a worker by hand: `python3 -m fastchat.serve.register_worker --worker-name URL`."""

import asyncio

from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail
from fastchat.terminal.registering import RegisterConfig, run


def main() -> None:
    config = begin(RegisterConfig, "register_worker")
    try:
        asyncio.run(run(config))
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
