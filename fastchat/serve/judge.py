"""Let a model judge the battles of the arena: `fastchat judge --model NAME`."""

import sys

from fastchat.serve._terminal import run, terminal
from fastchat.terminal.judge.config import JudgeCommand
from fastchat.terminal.judge.run import judge


def main() -> None:
    with terminal(JudgeCommand, "judge") as config:
        run(judge(config, sys.stdout, sys.stderr))


if __name__ == "__main__":
    main()
