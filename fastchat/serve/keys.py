"""Add, list and revoke keys of the API server: `fastchat keys add NAME`."""

from fastchat.serve._terminal import terminal
from fastchat.terminal.keys import KeysConfig, run


def main() -> None:
    with terminal(KeysConfig, "keys") as config:
        run(config)


if __name__ == "__main__":
    main()
