"""Several processes share one port: what they have in common. Whichever is asked for metrics tells
those of all."""

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from fastchat.core.board import Board, Place
from fastchat.core.metrics import exposed, together
from fastchat.gateway.siblings import answering, asked


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Where the processes reach each other; nobody else may look into it."""
    with tempfile.TemporaryDirectory(prefix="fastchat-") as folder:
        yield Path(folder)


@dataclass(frozen=True, slots=True)
class Shares:
    """Process `number` of `count`. One that is away, because it is started again, is left out."""

    folder: Path
    number: int
    board: Board

    def place(self, name: str) -> Place:
        return self.board.place(name, self.number)

    def told(self, registry: CollectorRegistry) -> AbstractAsyncContextManager[None]:
        """Tell the others what this process counts, while the body runs."""
        return answering(self._socket(self.number), lambda _: exposed(registry))

    async def exposed(self, registry: CollectorRegistry) -> bytes:
        others = [number for number in range(1, self.board.processes + 1) if number != self.number]
        told = await asyncio.gather(*map(self._asked, others))
        parts: dict[str, Iterable[Metric]] = {str(self.number): registry.collect()}
        parts |= {str(n): metrics for n, metrics in zip(others, told, strict=True)}
        return exposed(together(parts))

    async def _asked(self, number: int) -> list[Metric]:
        text = await asked(self._socket(number))
        return list(text_string_to_metric_families(text.decode()))

    def _socket(self, number: int) -> Path:
        return self.folder / f"{number}.sock"
