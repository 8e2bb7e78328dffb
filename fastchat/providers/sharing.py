"""Quotas that several processes keep together: each tells what it used, and hears of the others."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastchat.core.errors import PlatformError
from fastchat.protocol.quotas import QuotaShare, QuotaUse
from fastchat.providers.opening import RemoteModel
from fastchat.providers.quota import DAY_S, MINUTE_S, Quota

logger = logging.getLogger(__name__)

# A process knows what another used after two of these at most, and what its writing takes.
EXCHANGE_S = 2.0


class Shares(Protocol):
    """Where they are told; see `storage.quotas`."""

    def tell(self, share: QuotaShare) -> None: ...

    def forget(self, before: int) -> None: ...

    async def of_others(self, process: str, since: int) -> Sequence[QuotaShare]: ...


@dataclass(slots=True)
class Sharing:
    """Beside the requests: a quota is looked at in memory only. While the shares cannot be read,
    every process goes on with what it knew, and after a minute with what it uses itself."""

    quotas: Mapping[str, Quota]
    shares: Shares
    process: str
    wall_clock: Callable[[], float]
    _told: dict[str, QuotaUse] = field(default_factory=dict)
    _heard: Sequence[QuotaShare] = ()
    _complained: bool = False

    @classmethod
    def of(
        cls,
        models: Iterable[RemoteModel],
        shares: Shares,
        process: str,
        wall_clock: Callable[[], float],
    ) -> "Sharing":
        return cls({one.endpoint.name: one.quota for one in models}, shares, process, wall_clock)

    async def run(self) -> None:
        """Never ends by itself."""
        self.shares.forget(int(self.wall_clock() - 2 * DAY_S))
        while True:
            await self.exchange()
            await asyncio.sleep(EXCHANGE_S)

    async def exchange(self) -> None:
        """While the database is away nothing is told: it would take the room of usage and votes."""
        try:
            since = int(self.wall_clock() - DAY_S)
            self._heard = await self.shares.of_others(self.process, since)
            self._complained = False
            self.tell()
        except PlatformError as error:
            if not self._complained:
                logger.error("what other processes use of quotas is not known: %s", error.message)
                self._complained = True
        self._hear()

    def tell(self) -> None:
        """What runs in a minute is told as long as there is any."""
        now = int(self.wall_clock())
        for model, quota in self.quotas.items():
            use = quota.own()
            if use != self._told.get(model, QuotaUse(day=use.day)) or use.requests or use.tokens:
                self._told[model] = use
                self.shares.tell(
                    QuotaShare(process=self.process, model=model, told_at=now, use=use)
                )

    def _hear(self) -> None:
        now = self.wall_clock()
        for model, quota in self.quotas.items():
            heard = [share for share in self._heard if share.model == model]
            quota.elsewhere = _together(heard, now)


def _together(shares: Sequence[QuotaShare], now: float) -> QuotaUse:
    fresh = [share.use for share in shares if share.told_at > now - MINUTE_S]
    today = int(now // DAY_S)
    return QuotaUse(
        requests=sum(use.requests for use in fresh),
        tokens=sum(use.tokens for use in fresh),
        day=today,
        microdollars=sum(one.use.microdollars for one in shares if one.use.day == today),
        held_until=max((one.use.held_until for one in shares), default=0),
    )
