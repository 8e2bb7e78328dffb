"""Keys and usage in the database: read and written beside the requests, never for one of them."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from fastchat.core.board import FindPlace, lone
from fastchat.core.errors import PlatformError
from fastchat.gateway.allowance import Allowance
from fastchat.gateway.callers import Caller, Rate, bucket_of
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.providers.prices import Prices, price_of
from fastchat.storage import Database, keys, usage
from fastchat.storage.keys import StoredKey
from fastchat.storage.usage import HOUR_S, NO_KEY, Used

logger = logging.getLogger("openai_api_server")

REFRESH_S = 2.0
FLUSH_S = 1.0

_Sums = list[int]


@dataclass(slots=True)
class Ledger:
    """`account` only adds to sums; `run` takes keys in and puts sums out, and never ends by itself.

    A budget is kept together by the processes on one port. Of a key that is used at several servers
    at once, what they spend between two looks into the database may go beyond it."""

    database: Database
    ring: KeyRing
    prices: Prices
    wall_clock: Callable[[], float]
    default_rate: Rate | None = None
    find_place: FindPlace = lone
    _sums: dict[tuple[str, str], _Sums] = field(default_factory=dict)
    _complained: bool = False

    def account(self, passage: Passage) -> None:
        """Of every request that a worker, or a provider, was asked for."""
        if not passage.tries:
            return
        caller, counts = passage.caller, passage.counts
        place = (caller.id if caller is not None else NO_KEY, passage.model)
        sums = self._sums.get(place)
        if sums is None:
            sums = self._sums[place] = [0, 0, 0, 0, 0]
        sums[0] += 1
        sums[1] += passage.status >= 400
        if counts is not None:
            sums[2] += counts.prompt_tokens
            sums[3] += counts.cached_tokens
            sums[4] += counts.completion_tokens
            if caller is not None and caller.allowance is not None:
                caller.allowance.spend(counts.total_tokens)

    def begin(self) -> None:
        """Take in what is stored, if the database answers. Blocks: before anything is served."""
        self.ring.known = False
        try:
            self.take_in(
                self.database.read_now(keys.every), self.database.read_now(usage.tokens_by_key)
            )
        except PlatformError as error:
            logger.error("only keys of the command line are known: %s", error.message)
        if self.ring.known and not self.ring.required:
            logger.warning("the database holds no key: everybody who reaches the port is let in")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_on())
            group.create_task(self._write_on())

    async def refresh(self) -> None:
        """Take in the keys as they are stored now. Raises what reading raises."""
        stored = await self.database.read(keys.every)
        spent = await self.database.read(usage.tokens_by_key)
        self.take_in(stored, spent)

    def take_in(self, stored: Sequence[StoredKey], spent: Mapping[str, int]) -> None:
        now = self.wall_clock()
        before = {caller.id: caller for caller in self.ring.stored.values()}
        self.ring.stored = {
            bytes.fromhex(key.digest): self._caller(key, spent.get(key.id, 0), before.get(key.id))
            for key in stored
            if key.is_valid(now)
        }
        gone = before.keys() - {caller.id for caller in self.ring.stored.values()}
        for id in gone:
            for left in (before[id].bucket, before[id].allowance):
                if left is not None:
                    left.leave()
        self.ring.required = bool(self.ring.fixed or stored)
        self.ring.known = True

    def flush(self) -> None:
        """To the writer, which does not make us wait."""
        sums, self._sums = self._sums, {}
        hour = int(self.wall_clock()) // HOUR_S * HOUR_S
        for (key_id, model), (requests, failures, prompt, cached, completion) in sums.items():
            used = Used(
                hour=hour,
                key_id=key_id,
                model=model,
                requests=requests,
                failures=failures,
                prompt_tokens=prompt,
                cached_tokens=cached,
                completion_tokens=completion,
            )
            usage.add(self.database, self._priced(used))

    async def aclose(self) -> None:
        self.flush()
        await self.database.aclose()

    def _priced(self, used: Used) -> Used:
        price = price_of(self.prices, used.model)
        return used if price is None else used.costing(price.microdollars(used.tokens))

    def _caller(self, key: StoredKey, spent: int, before: Caller | None) -> Caller:
        """As the key is stored now. The object stays: requests under way hold it."""
        caller = before or Caller(name=key.name, id=key.id)
        caller.name = key.name
        caller.models = None if key.models is None else frozenset(key.models)
        caller.expires_at = math.inf if key.expires_at is None else key.expires_at
        self._set_budget(caller, key, spent)
        self._set_rate(caller, key)
        return caller

    def _set_budget(self, caller: Caller, key: StoredKey, spent: int) -> None:
        allowance, budget = caller.allowance, key.token_budget
        if budget != (None if allowance is None else allowance.budget):
            if allowance is not None:
                allowance.leave()
            allowance = None
            if budget is not None:
                allowance = Allowance(budget, partial(self.find_place, f"tokens {key.id}"))
            caller.allowance = allowance
        if allowance is not None:
            allowance.correct(spent)

    def _set_rate(self, caller: Caller, key: StoredKey) -> None:
        rate, bucket = self.default_rate, caller.bucket
        if key.requests_per_s is not None:
            rate = Rate(key.requests_per_s, key.burst or 0)
        if rate != (None if bucket is None else bucket.rate):
            if bucket is not None:
                bucket.leave()
            caller.bucket = bucket_of(f"key {key.id}", rate, self.find_place)

    async def _read_on(self) -> None:
        while True:
            try:
                await self.refresh()
                self._complained = False
            except PlatformError as error:
                if not self._complained:
                    logger.error("keys stay as they were known last: %s", error.message)
                    self._complained = True
            await asyncio.sleep(REFRESH_S)

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()
