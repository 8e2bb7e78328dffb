"""Chat with a model of a running platform: `fastchat chat --model NAME`."""

from fastchat.serve._terminal import run, terminal
from fastchat.terminal.remote_chat import ChatConfig, chat


def main() -> None:
    with terminal(ChatConfig, "chat") as config:
        run(chat(config))


if __name__ == "__main__":
    main()
