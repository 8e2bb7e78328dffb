"""Start controller, workers and API server: `python3 -m fastchat.serve.launch_all_serve`."""

from fastchat.cluster.launch import LaunchConfig, launch
from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail
from fastchat.terminal.say import say


def main() -> None:
    config = begin(LaunchConfig, "launch_all_serve")
    try:
        launch(config, environment(), say)
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
