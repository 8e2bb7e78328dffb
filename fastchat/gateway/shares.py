"""Several processes share one port: what they have in common. Whichever is asked for metrics tells
those of all."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from fastchat.core.board import Board, Place
from fastchat.core.metrics import exposed, together

PATIENCE_S = 1.0


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

    @asynccontextmanager
    async def told(self, registry: CollectorRegistry) -> AsyncIterator[None]:
        """Tell the others what this process counts, while the body runs."""

        async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(exposed(registry))
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

        path = self._socket(self.number)
        path.unlink(missing_ok=True)  # a predecessor of this number
        async with await asyncio.start_unix_server(tell, path):
            yield

    async def exposed(self, registry: CollectorRegistry) -> bytes:
        others = [number for number in range(1, self.board.processes + 1) if number != self.number]
        told = await asyncio.gather(*map(self._asked, others))
        parts: dict[str, Iterable[Metric]] = {str(self.number): registry.collect()}
        parts |= {str(n): metrics for n, metrics in zip(others, told, strict=True)}
        return exposed(together(parts))

    async def _asked(self, number: int) -> list[Metric]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_unix_connection(self._socket(number))
                text = await reader.read()  # until the end
                writer.close()
        except (OSError, TimeoutError):
            return []
        return list(text_string_to_metric_families(text.decode()))

    def _socket(self, number: int) -> Path:
        return self.folder / f"{number}.sock"
