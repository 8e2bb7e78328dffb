"""A terminal while the platform runs: lines scroll by, a picture below them is drawn anew."""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class Screen:
    """`draw` makes the picture for a width."""

    def __init__(self, out: TextIO, draw: Callable[[int], RenderableType]) -> None:
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._draw = draw
        self._downloads = Progress(
            TextColumn("Fetching {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=self._console,
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=self._picture,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError, ValueError):  # the terminal may be gone, as in `line`
            self._live.stop()

    def line(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._console.print(text, soft_wrap=True)

    def download(self, model: str, done: int, total: int) -> None:
        """Called from the thread that fetches; the picture shows it next time."""
        known = {task.description: task.id for task in self._downloads.tasks}
        if model not in known:
            known[model] = self._downloads.add_task(model)
        task = known[model]
        complete = 0 < total <= done
        self._downloads.update(task, completed=done, total=total or None, visible=not complete)

    def refresh(self) -> None:
        with suppress(OSError, ValueError):
            self._live.refresh()

    def _picture(self) -> RenderableType:
        width = self._console.width
        if any(task.visible for task in self._downloads.tasks):
            return Group(self._downloads, self._draw(width))
        return self._draw(width)
