"""Write a script that completes commands and flags in a shell: `fastchat completion bash`."""

import sys
from importlib import import_module

from fastchat.core.config import is_config
from fastchat.serve import commands, summary
from fastchat.serve._terminal import terminal
from fastchat.terminal.completion import SHELLS, Command, CompletionConfig, flags_of


def main() -> None:
    with terminal(CompletionConfig, "completion") as config:
        sys.stdout.write(SHELLS[config.shell](table()))


def table() -> dict[str, Command]:
    """Each command with the flags of the configuration that its module reads."""
    found = {}
    for name, path in commands().items():
        module = import_module(f"fastchat.serve.{name}")
        (config,) = filter(is_config, vars(module).values())
        what = summary(path).partition(": `")[0]
        found[name] = Command(summary=what, flags=flags_of(config))
    return found


if __name__ == "__main__":
    main()
