"""Asking workers themselves how they are: those that send no heart-beats, and those that registered
without a word about their models. Only addresses that were admitted are ever asked.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import IP, Trust
from fastchat.core.errors import InvalidRequest, NoPermission
from fastchat.core.upstream import Upstream
from fastchat.protocol.cluster import Registration, WorkerStatus
from fastchat.protocol.codec import decode
from fastchat.relay import Relay, UpstreamFault, opened

logger = logging.getLogger("controller")

ANSWER_S = 5.0
ANSWER_BYTES = 64 * 1024


@dataclass(slots=True)
class Inquiry:
    pool: WorkerPool
    relay: Relay
    trust: Trust
    _running: "asyncio.Task[None] | None" = None

    async def completed(self, registration: Registration, at: Sequence[IP]) -> Registration:
        """With what the worker says of itself, where the registration says nothing. Raises
        `InvalidRequest` when it does not answer."""
        if registration.worker_status is not None:
            return registration
        status = await self._status(registration.worker_name, at)
        if status is None:
            raise InvalidRequest(
                f"worker_status: it is null, and {registration.worker_name} does not answer",
                param="worker_status",
            )
        return structs.replace(registration, worker_status=status)

    async def refresh(self) -> None:
        """Ask those that send no heart-beats; forget who does not answer. Whoever wants the same
        at the same time waits for the one answer."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._refresh())
        await asyncio.shield(self._running)

    async def _refresh(self) -> None:
        await asyncio.gather(*map(self._look_after, self.pool.without_heart_beat()))

    async def _look_after(self, address: str) -> None:
        try:
            status = await self._status(address, await self.trust.addresses(address))
        except (InvalidRequest, NoPermission):
            status = None
        if status is None:
            self.pool.forget(address)
        else:
            self.pool.note_status(address, status)

    async def _status(self, worker_url: str, at: Sequence[IP]) -> WorkerStatus | None:
        """What the host says at the addresses that were checked: a name could change its
        meaning."""
        upstream = Upstream.from_url(worker_url)
        hosts = [upstream.host] if upstream.tls else [str(ip) for ip in at]  # TLS wants the name
        for host in hosts:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._ask(replace(upstream, host=host))
            except (UpstreamFault, InvalidRequest, TimeoutError) as error:
                logger.error("Get status fails: %s, %s", worker_url, str(error) or "no answer")
        return None

    async def _ask(self, upstream: Upstream) -> WorkerStatus:
        """Raises `UpstreamFault`, or `InvalidRequest` for an answer that makes no sense."""
        response = await opened(
            self.relay, upstream, b"/worker_get_status", headers=self.trust.headers
        )
        try:
            body = b""
            async for piece in response:
                body += piece
                if len(body) > ANSWER_BYTES:
                    raise InvalidRequest(f"more than {ANSWER_BYTES} bytes")
        finally:
            response.abort()
        if response.status != 200:
            raise InvalidRequest(f"status {response.status}")
        return decode(body, WorkerStatus)
