"""One worker after another, until something was said."""

from collections.abc import Callable, Mapping
from random import Random

import pytest

from fastchat.client import Neighbours
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    NoWorker,
    Overloaded,
    PlatformError,
    UnknownModel,
)
from fastchat.core.generation import Chat, GenerationRequest, Message, collect
from fastchat.dispatch import DispatchedEngine, Table
from fastchat.protocol.cluster import RESUMES, Dispatched, WorkerEntry
from tests.legacy import LegacyWorker
from tests.scripted import ScriptedEngine
from tests.servers import serving

REQUEST = GenerationRequest(id="r", model="m", prompt=Chat((Message(role="user", content="hi"),)))
Make = Callable[..., DispatchedEngine]


@pytest.fixture
def reported() -> list[Dispatched]:
    return []


@pytest.fixture
def make(reported: list[Dispatched]) -> Make:
    def made(*engines: ScriptedEngine, dialects: tuple[str, ...] = ("openai",)) -> DispatchedEngine:
        table = Table(lambda: 0.0, Random(0), "shortest_queue")
        behind: Mapping[str, ScriptedEngine] = {f"http://w{i}": e for i, e in enumerate(engines)}
        for address in behind:
            table.put(WorkerEntry(address=address, model_names=("m",), dialects=dialects))
        return DispatchedEngine(table, reported.append, lambda entry: behind[entry.address])

    return made


def failing(error: PlatformError, at: int = 0) -> ScriptedEngine:
    return ScriptedEngine(failure=error, fails_at=at)


async def test_every_choice_is_reported(make: Make, reported: list[Dispatched]) -> None:
    engine = make(ScriptedEngine())
    assert (await collect(engine.generate(REQUEST))).text == "one two three"
    assert [dispatch.ret for dispatch in reported] == ["http://w0"]
    assert engine.model_names == ["m"]


@pytest.mark.parametrize(
    "error", [NoWorker("m"), Overloaded("full", retry_after_s=1), EngineFailed("died")]
)
async def test_before_the_first_text_another_worker_answers(
    make: Make, reported: list[Dispatched], error: PlatformError
) -> None:
    engine = make(failing(error), ScriptedEngine())
    assert (await collect(engine.generate(REQUEST))).text == "one two three"
    assert [dispatch.ret for dispatch in reported] == ["http://w0", "http://w1"]


async def test_after_the_first_text_the_answer_goes_on_elsewhere(make: Make) -> None:
    other = ScriptedEngine(words=(" two", " three"))
    engine = make(failing(EngineFailed("died"), at=1), other, dialects=("openai", RESUMES))
    assert (await collect(engine.generate(REQUEST))).text == "one two three"
    assert [(one.continue_from, one.resumed) for one in other.asked] == [("one", "one")]


async def test_a_worker_that_cannot_take_it_up_is_not_asked(make: Make) -> None:
    other = ScriptedEngine()
    chunks = make(failing(EngineFailed("died"), at=1), other).generate(REQUEST)
    assert (await anext(chunks)).text == "one"
    with pytest.raises(EngineFailed, match="died"):
        await anext(chunks)
    assert other.asked == []


async def test_an_error_of_the_request_is_nobody_elses(make: Make) -> None:
    other = ScriptedEngine()
    with pytest.raises(ContextOverflow):
        await collect(make(failing(ContextOverflow(9, 8)), other).generate(REQUEST))
    assert other.asked == []


async def test_a_request_kills_two_workers_and_not_all(make: Make) -> None:
    third = ScriptedEngine()
    died = EngineFailed("died")
    with pytest.raises(EngineFailed):
        await collect(make(failing(died), failing(died), third).generate(REQUEST))
    assert third.asked == []


async def test_all_full_says_so(make: Make) -> None:
    full = Overloaded("full", retry_after_s=1)
    with pytest.raises(Overloaded):
        await collect(make(failing(full), failing(full)).generate(REQUEST))


async def test_nobody_serves_it(make: Make) -> None:
    with pytest.raises(UnknownModel):
        await collect(make().generate(REQUEST))


async def test_a_worker_of_0_2_36_is_asked_by_its_own_wire() -> None:
    table = Table(lambda: 0.0, Random(0))
    neighbours = Neighbours("http://127.0.0.1:1", None, silence_s=5)
    async with serving(LegacyWorker().app) as url, neighbours.opened():
        table.put(WorkerEntry(address=url, model_names=("m",)))
        engine = DispatchedEngine(table, lambda _: None, neighbours.engine)
        assert (await collect(engine.generate(REQUEST))).text == "one two"
