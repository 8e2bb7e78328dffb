"""Show or compare the prompts of a model: `fastchat templates show MODEL`."""

from asyncio import run

from fastchat.serve._terminal import terminal
from fastchat.terminal.templates import TemplatesConfig, templates


def main() -> None:
    with terminal(TemplatesConfig, "templates") as config:
        is_well = run(templates(config))
    raise SystemExit(0 if is_well else 1)


if __name__ == "__main__":
    main()
