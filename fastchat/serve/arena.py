"""Print the leaderboard of the arena or export its votes: `fastchat arena leaderboard|export`."""

import sys

from fastchat.serve._terminal import terminal
from fastchat.terminal.arena import ArenaCommand, arena


def main() -> None:
    with terminal(ArenaCommand, "arena") as config:
        arena(config, sys.stdout)


if __name__ == "__main__":
    main()
