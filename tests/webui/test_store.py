import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fastchat.core.errors import InvalidRequest, Overloaded
from fastchat.webui.session import Session, Settings, Turn
from fastchat.webui.store import Store
from tests.scripted import ScriptedEngine

SETTINGS = Settings(model="m")


def ids(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def make(now: list[float]) -> Callable[..., Store[Session]]:
    def made(engine: ScriptedEngine | None = None, **bounds: Any) -> Store[Session]:
        asked = engine or ScriptedEngine()
        return Store(lambda: Session(engine=asked, new_id=lambda: "c"), lambda: now[0], **bounds)

    return made


def test_an_id_leads_to_one_conversation(make: Callable[..., Store[Session]]) -> None:
    store = make()
    assert store.open(ids(1)) is store.open(ids(1))
    assert store.open(ids(1)) is not store.open(ids(2))
    assert store.find(ids(3)) is None
    assert len(store) == 2


@pytest.mark.parametrize("id", [None, "", "x", 3, [ids(1)], ids(1) + "\n", "G" * 32, "../" * 11])
def test_what_is_no_id_opens_nothing(make: Callable[..., Store[Session]], id: object) -> None:
    store = make()
    with pytest.raises(InvalidRequest):
        store.open(id)
    assert store.find(id) is None


def test_the_one_used_longest_ago_makes_room(make: Callable[..., Store[Session]]) -> None:
    store = make(most=2)
    first, _ = store.open(ids(1)), store.open(ids(2))
    store.open(ids(1))
    store.open(ids(3))
    assert store.find(ids(1)) is first
    assert store.find(ids(2)) is None


def test_the_idle_are_forgotten(make: Callable[..., Store[Session]], now: list[float]) -> None:
    store = make(idle_s=60)
    store.open(ids(1))
    now[0] = 61
    store.open(ids(2))
    assert len(store) == 1


def test_large_ones_make_room(make: Callable[..., Store[Session]]) -> None:
    store = make(most_characters=1000)
    store.open(ids(1)).turns = [Turn(question="x" * 1000, settings=SETTINGS)]
    store.open(ids(2))
    assert store.find(ids(1)) is None


def test_one_that_has_grown_makes_others_go_and_stays_itself(
    make: Callable[..., Store[Session]],
) -> None:
    store = make(most_characters=1000)
    store.open(ids(1))
    store.open(ids(2)).turns = [Turn(question="x" * 2000, settings=SETTINGS)]
    assert store.open(ids(2)).turns
    assert store.find(ids(1)) is None


async def test_a_running_answer_is_not_forgotten(make: Callable[..., Store[Session]]) -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    store = make(engine, most=1)
    news = store.open(ids(1)).ask("hi", SETTINGS)
    await anext(news)
    assert store.busy == 1
    with pytest.raises(Overloaded):
        store.open(ids(2))
    await news.aclose()
    assert store.busy == 0
    store.open(ids(2))
