"""Send one message to a model: `python3 -m fastchat.serve.test_message --model-name NAME`."""

import asyncio

from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail
from fastchat.terminal.one_message import MessageConfig, run


def main() -> None:
    config = begin(MessageConfig, "test_message")
    try:
        asyncio.run(run(config))
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
