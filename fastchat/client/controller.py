"""Talking to a controller, ours or one of 0.2.36."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

import aiohttp

from fastchat.client.http import NETWORK_ERRORS, Api, messages
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import (
    Departure,
    Dispatched,
    DispatchReport,
    HeartBeat,
    HeartBeatAnswer,
    ModelList,
    ModelRef,
    Registration,
    TableUpdate,
    WorkerAddress,
    WorkerEntry,
    WorkerTable,
)
from fastchat.protocol.codec import decode

CALL_S = 5.0
# Our controller gives a sign of life every 5 s.
WATCH_SILENCE_S = 15.0


class ControllerClient:
    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, *, token: str | None = None
    ) -> None:
        self._api = Api(session, base_url, token=token, timeout_s=CALL_S)
        self.base_url = self._api.base_url

    async def register(self, registration: Registration) -> bool:
        """True when the controller knows our additions to the wire of 0.2.36."""
        with self._faults():
            answer = await self._api.post("/register_worker", registration)
        return answer.strip() != b"null"

    async def beat(self, beat: HeartBeat) -> bool:
        """False when the controller wants a registration."""
        with self._faults():
            answer = await self._api.post("/receive_heart_beat", beat)
            return decode(answer, HeartBeatAnswer).exist

    async def leave(self, departure: Departure) -> None:
        with self._faults():
            await self._api.post("/unregister_worker", departure)

    async def refresh_all_workers(self) -> None:
        with self._faults():
            await self._api.post("/refresh_all_workers")

    async def models(self) -> list[str]:
        with self._faults():
            return decode(await self._api.post("/list_models"), ModelList).models

    async def workers(self) -> tuple[WorkerEntry, ...]:
        """The table, as it is now. A controller of 0.2.36 answers 404."""
        with self._faults():
            return decode(await self._api.get("/workers"), WorkerTable).workers

    async def worker_address(self, model: str) -> str:
        """Empty when no worker serves the model."""
        with self._faults():
            answer = await self._api.post("/get_worker_address", ModelRef(model=model))
            return decode(answer, WorkerAddress).address

    async def report(self, dispatches: Sequence[Dispatched]) -> None:
        with self._faults():
            report = DispatchReport(dispatches=tuple(dispatches))
            await self._api.post("/report_dispatches", report)

    async def watch(self) -> AsyncGenerator[TableUpdate, None]:
        """The pushed table, until the connection breaks. A controller of 0.2.36 answers 404."""
        with self._faults():
            async with self._api.stream(
                "GET", "/workers/watch", body=None, silence_s=WATCH_SILENCE_S
            ) as answer:
                async for line in messages(answer, b"\n"):
                    yield decode(line, TableUpdate)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except aiohttp.ClientResponseError as error:
            raise ControllerFault(
                f"the controller {self.base_url} answered {error.status}: {error.message}",
                status=error.status,
            ) from error
        except NETWORK_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise ControllerFault(
                f"the controller {self.base_url} cannot be reached: {reason}"
            ) from error
