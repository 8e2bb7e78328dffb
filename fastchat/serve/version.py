"""Show the versions of fastchat and of its engines, and the accelerators: `fastchat version`."""

from fastchat.serve._terminal import terminal
from fastchat.terminal.version import VersionConfig, version


def main() -> None:
    with terminal(VersionConfig, "version") as config:
        version(config)


if __name__ == "__main__":
    main()
