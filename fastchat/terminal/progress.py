"""How far a download is: a bar in a terminal, nothing elsewhere but the beginning and the end."""

from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bar:
    """Shown from the first `update` on, so that nothing is shown when nothing is fetched."""

    def __init__(self, out: TextIO, name: str) -> None:
        self._name = name
        self._console = Console(file=out, highlight=False)
        self._progress = Progress(
            TextColumn("Fetching {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(self, done: int, total: int) -> None:
        if self._task is None:
            self._begin(total)
        assert self._task is not None
        self._progress.update(self._task, completed=done)

    def _begin(self, total: int) -> None:
        self._task = self._progress.add_task(self._name, total=total)
        self._progress.start()
        if not self._console.is_terminal:
            self._console.print(f"Fetching {self._name}: {total / 1e6:.0f} MB", soft_wrap=True)
