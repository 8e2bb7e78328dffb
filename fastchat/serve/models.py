"""List the models that a platform serves, and the built-in ones: `fastchat models`."""

from fastchat.serve._terminal import run, terminal
from fastchat.terminal.models import ModelsConfig, models


def main() -> None:
    with terminal(ModelsConfig, "models") as config:
        run(models(config))


if __name__ == "__main__":
    main()
