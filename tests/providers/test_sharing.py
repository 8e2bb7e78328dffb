"""Processes that keep one quota together: two of them, one clock, one board."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import EngineFailed, Overloaded
from fastchat.core.generation import Usage
from fastchat.protocol.quotas import QuotaShare
from fastchat.providers.endpoint import Limits
from fastchat.providers.prices import Price
from fastchat.providers.quota import DAY_S, Quota
from fastchat.providers.sharing import Sharing
from fastchat.storage import Database
from fastchat.storage.quotas import QuotaShares
from tests.providers.fakes import endpoint

NOON = 20_000 * DAY_S + 43_200
ONE = endpoint("openai", "http://x")
HALF_A_DOLLAR = Usage(completion_tokens=50_000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return NOON + self.now


@dataclass
class Board:
    """In memory; `is_away` fails its readers."""

    rows: dict[tuple[str, str], QuotaShare] = field(default_factory=dict)
    is_away: bool = False

    def tell(self, share: QuotaShare) -> None:
        self.rows[share.process, share.model] = share

    def forget(self, before: int) -> None:
        self.rows = {key: row for key, row in self.rows.items() if row.told_at >= before}

    async def of_others(self, process: str, since: int) -> Sequence[QuotaShare]:
        if self.is_away:
            raise EngineFailed("away")
        rows = self.rows.values()
        return [row for row in rows if row.process != process and row.told_at >= since]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board() -> Board:
    return Board()


def _process(name: str, clock: Clock, board: Board, **limits: Any) -> tuple[Quota, Sharing]:
    price = Price(input=2, output=10, as_of="2026-01")
    quota = Quota(Limits(**limits), price, clock, clock.wall)
    return quota, Sharing({"ours": quota}, board, name, clock.wall)


def _refused(quota: Quota) -> int:
    with pytest.raises(Overloaded) as caught:
        quota.admit(ONE)
    return caught.value.retry_after_s or 0


async def _exchanged(*sharings: Sharing) -> None:
    for _ in range(2):  # who comes first hears of the others in the next round
        for one in sharings:
            await one.exchange()


async def test_requests_of_one_count_for_the_other_until_the_minute_is_over(
    clock: Clock, board: Board
) -> None:
    (here, a), (there, b) = (_process(name, clock, board, requests_per_minute=3) for name in "ab")
    here.admit(ONE)
    here.admit(ONE)
    await _exchanged(a, b)
    there.admit(ONE)
    assert 1 <= _refused(there) <= 60
    clock.now = 60
    await _exchanged(a, b)
    there.admit(ONE)


async def test_tokens_and_money_count_together(clock: Clock, board: Board) -> None:
    limits = {"tokens_per_minute": 80_000, "dollars_per_day": 1.0}
    (here, a), (there, b) = (_process(name, clock, board, **limits) for name in "ab")
    here.spend(HALF_A_DOLLAR)
    there.spend(HALF_A_DOLLAR)
    await _exchanged(a, b)
    assert 1 <= _refused(here) <= 60  # tokens
    clock.now = 61
    await _exchanged(a, b)
    assert _refused(here) == DAY_S - 43_200 - 61  # money
    assert here.day_spent_ratio == there.day_spent_ratio == 1.0
    clock.now = 43_200
    await _exchanged(a, b)
    here.admit(ONE)


async def test_a_process_that_starts_anew_knows_what_was_spent_today(
    clock: Clock, board: Board
) -> None:
    before, a = _process("a", clock, board, dollars_per_day=0.5)
    before.spend(HALF_A_DOLLAR)
    a.tell()
    after, b = _process("b", clock, board, dollars_per_day=0.5)
    await b.exchange()
    assert _refused(after) > 60


async def test_the_minute_of_a_process_that_died_passes(clock: Clock, board: Board) -> None:
    (here, a), (there, b) = (_process(name, clock, board, requests_per_minute=1) for name in "ab")
    here.admit(ONE)
    await _exchanged(a, b)
    _refused(there)
    clock.now = 61
    await b.exchange()
    there.admit(ONE)


async def test_who_wants_to_be_left_alone_is_so_by_all(clock: Clock, board: Board) -> None:
    (here, a), (there, b) = (_process(name, clock, board) for name in "ab")
    here.hold(30)
    await _exchanged(a, b)
    assert _refused(there) == 30
    for clock.now in (10, 20):  # telling each other makes it no longer
        await _exchanged(a, b)
    assert _refused(there) == 10
    clock.now = 30
    there.admit(ONE)


async def test_what_was_known_stays_while_nothing_can_be_read(clock: Clock, board: Board) -> None:
    (here, a), (there, b) = (_process(name, clock, board, requests_per_minute=1) for name in "ab")
    here.admit(ONE)
    await _exchanged(a, b)
    board.is_away = True
    clock.now = 30
    await b.exchange()
    _refused(there)
    clock.now = 61
    await b.exchange()
    there.admit(ONE)


async def test_a_process_whose_clock_is_behind_counts_and_is_counted(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    quotas, sharings = [], []
    for name, behind_s in (("a", 0), ("b", 3600)):
        clock = Clock()
        clock.now -= behind_s
        quota = Quota(Limits(requests_per_minute=1), None, clock, clock.wall)
        quotas.append(quota)
        shares = QuotaShares(database, clock.wall)
        sharings.append(Sharing({"ours": quota}, shares, name, clock.wall))
    quotas[1].admit(ONE)
    quotas[1].hold(30)
    for one in (sharings[1], sharings[0]):
        await one.exchange()
        assert database.writer.flush(10)
    assert 1 <= _refused(quotas[0]) <= 30
    assert quotas[0].elsewhere.requests == 1
    await database.aclose()


async def test_nothing_is_told_of_what_is_not_used(clock: Clock, board: Board) -> None:
    quota, a = _process("a", clock, board, requests_per_minute=1)
    await a.exchange()
    assert board.rows == {}
    quota.admit(ONE)
    await a.exchange()
    clock.now = 61
    await a.exchange()
    told = dict(board.rows)
    clock.now = 90
    await a.exchange()
    assert board.rows == told
