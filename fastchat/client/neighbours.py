"""Whom a gateway and a page talk to: the controller and the workers of its table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from fastchat.client.controller import ControllerClient
from fastchat.client.engine import engine_for
from fastchat.client.worker import WorkerClient
from fastchat.core.generation import Engine
from fastchat.protocol.cluster import WorkerEntry


@dataclass(slots=True)
class Neighbours:
    """Typed clients over one session, open while the server runs. `silence_s` bounds the wait for
    the next byte of a worker."""

    controller_url: str
    token: str | None = field(repr=False)
    silence_s: float
    _session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        # Admission bounds what is asked at once; a pool that does so too would be a second queue.
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            yield

    def controller(self) -> ControllerClient:
        return ControllerClient(self.session, self.controller_url, token=self.token)

    def worker(self, address: str) -> WorkerClient:
        return WorkerClient(self.session, address, token=self.token, silence_s=self.silence_s)

    def engine(self, entry: WorkerEntry) -> Engine:
        return engine_for(entry, self.session, token=self.token, silence_s=self.silence_s)

    async def is_alive(self, address: str) -> bool:
        """Whether a worker, ours or one of 0.2.36, answers anything but that it is not ready."""
        async with self.session.get(f"{address}/ready", allow_redirects=False) as answer:
            return answer.status < 500

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session
