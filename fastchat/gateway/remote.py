"""Models of providers, asked by the API server itself: rows of its table that no controller has."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from urllib.parse import quote

from fastchat.client import Neighbours
from fastchat.core.generation import Engine
from fastchat.protocol.cluster import WorkerEntry
from fastchat.providers.opening import RemoteModel

logger = logging.getLogger("openai_api_server")

# Shows in the log of dispatches. The name is reserved: nobody can be reached by it.
ADDRESS = "http://provider.invalid/"
PROVIDER = ("provider",)


class Remote:
    """And the workers beside them: whom to talk to about a row of the table."""

    def __init__(self, models: Iterable[RemoteModel], neighbours: Neighbours) -> None:
        self._rows: dict[str, tuple[WorkerEntry, Callable[[], Engine]]] = {}
        self._neighbours = neighbours
        for model in models:
            if not _is_hidden(model):
                self.add(_entry(model), partial(self._open, model))

    def add(self, entry: WorkerEntry, engine: Callable[[], Engine]) -> None:
        """A row of our own; `engine` is called for each request to it."""
        self._rows[entry.address] = entry, engine

    def entries(self) -> Sequence[WorkerEntry]:
        return [entry for entry, _ in self._rows.values()]

    def engine(self, entry: WorkerEntry) -> Engine:
        row = self._rows.get(entry.address)
        return self._neighbours.engine(entry) if row is None else row[1]()

    async def is_alive(self, address: str) -> bool:
        """A provider is not asked for signs of life: its answers are the sign."""
        return address in self._rows or await self._neighbours.is_alive(address)

    def _open(self, model: RemoteModel) -> Engine:
        return model.open(self._neighbours.session, self._neighbours.silence_s)


def _entry(model: RemoteModel) -> WorkerEntry:
    return WorkerEntry(
        address=ADDRESS + quote(model.endpoint.name, safe=""),
        model_names=(model.endpoint.name,),
        multimodal=model.endpoint.sees,
        dialects=PROVIDER,
        abilities=model.endpoint.vendor.abilities,
    )


def _is_hidden(model: RemoteModel) -> bool:
    if model.endpoint.anony_only:
        logger.info("%s is for anonymous battles only: not served here", model.endpoint.name)
    return model.endpoint.anony_only
