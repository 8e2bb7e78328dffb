"""Models of providers, asked by the API server itself: rows of its table that no controller has."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from fastchat.client import Neighbours
from fastchat.core.generation import Engine
from fastchat.protocol.cluster import WorkerEntry
from fastchat.providers.opening import RemoteModel

logger = logging.getLogger("openai_api_server")

# Shows in the log of dispatches. The name is reserved: nobody can be reached by it.
ADDRESS = "http://provider.invalid/"


class Remote:
    """And the workers beside them: whom to talk to about a row of the table."""

    def __init__(self, models: Iterable[RemoteModel], neighbours: Neighbours) -> None:
        self._models: Mapping[str, RemoteModel] = {
            ADDRESS + quote(one.endpoint.name, safe=""): one
            for one in models
            if not _is_hidden(one)
        }
        self._neighbours = neighbours

    def entries(self) -> Sequence[WorkerEntry]:
        return [
            WorkerEntry(
                address=address,
                model_names=(one.endpoint.name,),
                multimodal=one.endpoint.multimodal,
                dialects=("provider",),
            )
            for address, one in self._models.items()
        ]

    def engine(self, entry: WorkerEntry) -> Engine:
        model = self._models.get(entry.address)
        if model is None:
            return self._neighbours.engine(entry)
        return model.open(self._neighbours.session, self._neighbours.silence_s)

    async def is_alive(self, address: str) -> bool:
        """A provider is not asked for signs of life: its answers are the sign."""
        return address in self._models or await self._neighbours.is_alive(address)


def _is_hidden(model: RemoteModel) -> bool:
    if model.endpoint.anony_only:
        logger.info("%s is for anonymous battles only: not served here", model.endpoint.name)
    return model.endpoint.anony_only
