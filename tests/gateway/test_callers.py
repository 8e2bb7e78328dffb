"""Who may ask, how often, for what, and how much."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import httpx
import pytest

from fastchat.core.board import Board
from fastchat.core.errors import InvalidKey, NoPermission, QuotaExceeded, RateLimited
from fastchat.dispatch import Table
from fastchat.gateway.allowance import Allowance
from fastchat.gateway.callers import Bucket, Caller, Rate
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import serving

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SHOWN = {"authorization": "Bearer sk-1"}
NGINX = Rate(10, 20)


def at(now: float) -> Callable[[], float]:
    return lambda: now


def _passing(bucket: Bucket, times: Sequence[float]) -> int:
    return sum(not bucket.take(now) for now in times)


def test_of_a_burst_as_many_pass_as_with_nginx() -> None:
    assert _passing(Bucket(NGINX), [5.0] * 60) == 21


def test_an_even_flow_passes() -> None:
    assert _passing(Bucket(Rate(10, 0)), [n / 10 for n in range(100)]) == 100


def test_twice_the_rate_passes_by_half() -> None:
    passing = _passing(Bucket(NGINX), [n / 20 for n in range(1000)])
    assert 500 <= passing <= 522


def test_who_waits_as_long_as_was_said_may_pass() -> None:
    bucket = Bucket(Rate(0.5, 1))
    assert [bucket.take(0.0), bucket.take(0.0)] == [0, 0]
    early_s = bucket.take(0.5)
    assert early_s == 1.5
    assert bucket.take(0.5 + early_s) == 0


def test_processes_on_one_port_count_together() -> None:
    board = Board(3)
    buckets = [Bucket(NGINX, partial(board.place, "key", number)) for number in (1, 2, 3)]
    assert sum(_passing(bucket, [5.0] * 60) for bucket in buckets) == 21
    assert sum(_passing(bucket, [6.0] * 60) for bucket in reversed(buckets)) == 10


def test_what_is_left_is_told() -> None:
    bucket = Bucket(NGINX)
    bucket.take(0.0)
    assert dict(bucket.headers(0.0)) == {
        b"x-ratelimit-limit-requests": b"21",
        b"x-ratelimit-remaining-requests": b"20",
        b"x-ratelimit-reset-requests": b"0.100s",
    }
    assert dict(bucket.headers(9.0))[b"x-ratelimit-remaining-requests"] == b"21"


def test_a_key_ends() -> None:
    caller = Caller("ada", expires_at=100.0)
    caller.admit(at(0), at(99.9))
    with pytest.raises(InvalidKey, match="expired"):
        caller.admit(at(0), at(100.0))


def test_a_budget_ends() -> None:
    allowance = Allowance(10)
    caller = Caller("ada", allowance=allowance)
    allowance.spend(9)
    caller.admit(at(0), at(0))
    allowance.spend(5)
    with pytest.raises(QuotaExceeded, match="all of its 10 tokens"):
        caller.admit(at(0), at(0))


def test_a_budget_is_spent_by_all_processes_on_one_port() -> None:
    board = Board(2)
    one, other = (Allowance(100, partial(board.place, "tokens", number)) for number in (1, 2))
    assert (one.left, other.left) == (100, 100)
    other.spend(30)
    one.spend(20)
    assert (one.left, other.left) == (50, 50)
    one.correct(10)  # not all of it is written yet
    assert (one.left, other.left) == (50, 50)
    other.correct(90)  # another server used some
    other.spend(5)
    assert (one.left, other.left) == (5, 5)


def test_who_looks_for_the_first_time_sees_what_the_others_spent() -> None:
    board = Board(2)
    one, other = (Allowance(100, partial(board.place, "tokens", number)) for number in (1, 2))
    one.correct(10)
    other.correct(10)
    one.spend(60)  # written later
    assert other.left == 30
    other.spend(20)
    assert (one.left, other.left) == (10, 10)
    late = Allowance(100, partial(board.place, "tokens", 2))
    late.correct(95)
    assert (late.left, one.left) == (5, 5)


def test_a_key_has_its_models() -> None:
    Caller("ada").check("anything")
    caller = Caller("ada", models=frozenset(["a", "b"]))
    caller.check("b")
    with pytest.raises(NoPermission, match="only: a, b"):
        caller.check("c")


def test_too_many_requests_say_when_to_come_again() -> None:
    caller = Caller("ada", bucket=Bucket(Rate(0.1, 0)))
    caller.admit(at(0), at(0))
    with pytest.raises(RateLimited) as caught:
        caller.admit(at(1), at(0))
    assert caught.value.retry_after_s == math.ceil(9)
    assert dict(caught.value.headers)["x-ratelimit-remaining-requests"] == "0"


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.of(["sk-1"], Rate(0.01, 1))


async def test_the_api_server_counts_by_key(gateway: httpx.AsyncClient) -> None:
    statuses = [(await gateway.get("/v1/models", headers=SHOWN)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = await gateway.post(CHAT, json=ASK, headers=SHOWN)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == 42901
    assert 1 <= int(answer.headers["retry-after"]) <= 100
    assert answer.headers["x-ratelimit-limit-requests"] == "2"
    assert (await gateway.post(CHAT, json=ASK)).status_code == 401


async def test_an_answer_tells_what_is_left(table: Table, dispatched: list[Dispatched]) -> None:
    keys = KeyRing.of(["sk-1"], Rate(1, 5))
    service = gateway_service(table, report=dispatched.append, keys=keys)
    async with (
        serving(worker_app(ScriptedEngine(["Hello"]))) as worker,
        serving(service.app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai",)))
        answer = await client.post(CHAT, json=ASK, headers=SHOWN)
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-remaining-requests"] == "5"
