"""Watch a running platform: models, workers, queues, tokens a second, errors: `fastchat top`."""

from fastchat.serve._terminal import run, terminal
from fastchat.terminal.top.top import TopConfig, top


def main() -> None:
    with terminal(TopConfig, "top") as config:
        run(top(config))


if __name__ == "__main__":
    main()
