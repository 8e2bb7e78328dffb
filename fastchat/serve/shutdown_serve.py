"""End what `launch_all_serve` started: `python3 -m fastchat.serve.shutdown_serve --down all`."""

from fastchat.cluster.launched import ShutdownConfig, shutdown
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail
from fastchat.terminal.say import say


def main() -> None:
    config = begin(ShutdownConfig, "shutdown_serve")
    try:
        shutdown(config, say)
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
