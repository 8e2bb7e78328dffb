"""Say what became of a request, from the logs: `fastchat explain ID`."""

from pathlib import Path

from fastchat.cluster.state import StateFolder
from fastchat.core.config import state_folder
from fastchat.serve._terminal import terminal
from fastchat.terminal.explain.explain import ExplainConfig, explain


def main() -> None:
    with terminal(ExplainConfig, "explain") as config:
        explain(config, _usual)


def _usual() -> list[Path]:
    """Where the logs of whoever asks may be."""
    folder = state_folder()
    running = [Path(state.logdir) for state in StateFolder(folder / "running").running()]
    return [*dict.fromkeys([*running, folder / "logs", Path()])]


if __name__ == "__main__":
    main()
