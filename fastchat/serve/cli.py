"""Chat with a model in the terminal: `python3 -m fastchat.serve.cli --model-path MODEL`."""

from fastchat.serve._terminal import run, terminal
from fastchat.terminal.local_chat import CliConfig, chat, load


def main() -> None:
    with terminal(CliConfig, "cli") as config:
        run(chat(config, load(config)))


if __name__ == "__main__":
    main()
