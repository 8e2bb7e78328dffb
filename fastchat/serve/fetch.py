"""Download the weights of a built-in model: `fastchat fetch NAME`."""

import signal

from fastchat.serve._terminal import terminal
from fastchat.terminal.fetch import FetchConfig, fetch


def main() -> None:
    with terminal(FetchConfig, "fetch") as config:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C tidies up
        fetch(config)


if __name__ == "__main__":
    main()
