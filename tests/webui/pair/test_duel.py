"""Two answers to one question: what may be seen and done when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count

import pytest

from fastchat.arena.battle import Kind
from fastchat.core.errors import EngineFailed, InvalidRequest
from fastchat.core.metrics import exposed, registry
from fastchat.webui.assembly import ASSETS
from fastchat.webui.pair import showing
from fastchat.webui.pair.duel import Duel, LostSight, Pair
from fastchat.webui.rows import Rendering
from fastchat.webui.session import MOST_TURNS, Session, Settings
from fastchat.webui.texts import load
from tests.exposition import Told
from tests.scripted import ScriptedEngine
from tests.servers import until
from tests.webui.visitor import said

HOW = Settings(model="-")
PICTURE = "data:image/png;base64,iVBORw0KGgo="
PAIR = ("alpha-model", "beta-model")
WORDS = load(ASSETS / "texts.toml").of("en")


class Clock:
    """Each look at it is one second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def duel_of(left: ScriptedEngine, right: ScriptedEngine, kind: Kind = "battle") -> Duel:
    ids = count()
    sides = [Session(engine=one, new_id=lambda: f"id{next(ids)}") for one in (left, right)]
    return Duel(
        kind=kind,
        left=sides[0],
        right=sides[1],
        new_id=lambda: f"id{next(ids)}",
        wall_clock=Clock(),
    )


async def read(news: AsyncGenerator[None, None]) -> None:
    async with aclosing(news):
        async for _ in news:
            pass


def standing(duel: Duel) -> str:
    return duel.standing


async def asked(duel: Duel, question: str = "hi", pair: Pair = PAIR) -> None:
    await read(duel.ask(question, HOW, lambda _: pair))


async def test_both_are_asked_the_same_under_their_own_names() -> None:
    left, right = ScriptedEngine(), ScriptedEngine(words=["else"])
    duel = duel_of(left, right)
    await asked(duel)
    assert [engine.asked[0].model for engine in (left, right)] == list(PAIR)
    assert [side.turns[0].answer for side in duel.sides] == ["one two three", "else"]
    assert standing(duel) == "open"


async def test_both_begin_together() -> None:
    held = asyncio.Event()
    left, right = ScriptedEngine(held=held), ScriptedEngine(held=held)
    duel = duel_of(left, right)
    asking = asyncio.create_task(asked(duel))
    await until(lambda: left.running and right.running)
    assert standing(duel) == "writing"
    with pytest.raises(InvalidRequest):
        duel.cast("left", (), "v", "a")
    held.set()
    await asking
    assert standing(duel) == "open"


async def test_a_vote_has_the_whole_talk_and_the_time_it_took() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine())
    await asked(duel, "first")
    await asked(duel, "second")
    battle, vote = duel.cast("tie", ("style",), "voter", "::1")
    assert battle.questions == ("first", "second")
    assert (battle.left.model, battle.right.model) == PAIR
    assert battle.left.answers == ("one two three",) * 2
    assert battle.began_s < battle.finished_s
    assert (vote.battle, vote.winner, vote.reasons, vote.dwell_s) == (
        battle.id,
        "tie",
        ("style",),
        1,
    )
    assert standing(duel) == "voted"


async def test_there_is_one_vote() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine())
    await asked(duel)
    duel.cast("left", (), "v", "a")
    with pytest.raises(InvalidRequest):
        duel.cast("right", (), "v", "a")


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_side_that_fails_does_not_count_and_does_not_end_the_other(failing: int) -> None:
    engines = [ScriptedEngine(), ScriptedEngine()]
    engines[failing].failure = EngineFailed("The engine of beta-model broke.")
    duel = duel_of(engines[0], engines[1])
    await asked(duel)
    assert standing(duel) == "failed"
    assert duel.sides[1 - failing].turns[0].answer == "one two three"
    with pytest.raises(InvalidRequest):
        duel.cast("left", (), "v", "a")
    engines[failing].failure = None
    await read(duel.regenerate(HOW))
    assert standing(duel) == "open"


async def test_an_empty_answer_is_none() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine(words=[" "]))
    await asked(duel)
    assert standing(duel) == "failed"


async def test_a_blind_pair_stays_until_the_vote_and_then_is_drawn_anew() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine())
    await asked(duel, "first")
    await asked(duel, "second", ("gamma-model", "delta-model"))
    assert duel.pair == PAIR
    duel.cast("left", (), "v", "a")
    await asked(duel, "third", ("gamma-model", "delta-model"))
    assert duel.pair == ("gamma-model", "delta-model")
    assert [turn.question for turn in duel.left.turns] == ["third"]
    assert standing(duel) == "open"


async def test_side_by_side_the_talk_goes_on_after_a_vote() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine(), "side_by_side")
    await asked(duel, "first")
    first, _ = duel.cast("left", (), "v", "a")
    await asked(duel, "second")
    second, _ = duel.cast("left", (), "v", "a")
    assert (first.id != second.id, second.questions) == (True, ("first", "second"))


async def test_side_by_side_another_model_begins_another_talk() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine(), "side_by_side")
    await asked(duel, "first")
    await asked(duel, "second", ("alpha-model", "gamma-model"))
    assert [turn.question for turn in duel.right.turns] == ["second"]


async def test_who_stops_reading_stops_both() -> None:
    left, right = ScriptedEngine(held=asyncio.Event()), ScriptedEngine(held=asyncio.Event())
    duel = duel_of(left, right)
    asking = asyncio.create_task(asked(duel))
    await until(lambda: left.running and right.running)
    asking.cancel()
    await asyncio.wait({asking})
    await until(lambda: not left.running and not right.running)
    assert standing(duel) == "failed"


async def test_stop_leaves_nothing_to_vote_on() -> None:
    held = asyncio.Event()
    left, right = ScriptedEngine(held=held), ScriptedEngine(held=held)
    duel = duel_of(left, right)
    asking = asyncio.create_task(asked(duel))
    await until(lambda: left.running and right.running)
    await duel.stop()
    await asking
    assert standing(duel) == "failed"


async def test_nothing_asked_leaves_both_alone_until_they_end() -> None:
    held = asyncio.Event()
    duel = duel_of(ScriptedEngine(held=held), ScriptedEngine(held=held))
    asking = asyncio.create_task(asked(duel))
    await until(lambda: duel.left.is_busy and duel.right.is_busy)
    nothing = asyncio.create_task(asked(duel, " "))
    await asyncio.sleep(0)
    assert not nothing.done()
    held.set()
    await asyncio.gather(asking, nothing)
    assert standing(duel) == "open"


async def test_a_name_in_an_answer_is_noticed() -> None:
    duel = duel_of(ScriptedEngine(words=["I am alpha-model."]), ScriptedEngine())
    await asked(duel)
    duel.cast("left", (), "v", "a")
    assert duel.leaked


async def test_at_the_same_pace_the_faster_side_waits() -> None:
    slow = asyncio.Event()
    duel = duel_of(ScriptedEngine(), ScriptedEngine(words=["a", "bc"], held=slow))
    asking = asyncio.create_task(asked(duel))
    await until(lambda: not duel.left.is_busy and duel.right.is_busy)
    renderings = Rendering(WORDS), Rendering(WORDS)
    even, _ = showing.rows(duel, renderings, even=True)
    at_once, _ = showing.rows(duel, renderings, even=False)
    assert [said(row) for row in even] == ["hi"]
    assert [said(row) for row in at_once] == ["hi", "one two three"]
    slow.set()
    await asking
    even, _ = showing.rows(duel, renderings, even=True)
    assert [said(row) for row in even] == ["hi", "one two three"]


async def test_a_fault_does_not_name_a_hidden_model() -> None:
    broken = ScriptedEngine(failure=InvalidRequest("alpha-model cannot do this"))
    duel = duel_of(broken, ScriptedEngine())
    await asked(duel)
    rows, _ = showing.rows(duel, (Rendering(WORDS, "Model A"), Rendering(WORDS)), even=False)
    assert "Model A cannot do this" in said(rows[1])
    assert "alpha-model" not in str(rows)


@pytest.mark.parametrize("again", [False, True])
async def test_one_that_sees_no_more_is_not_named_and_neither_is_asked(again: bool) -> None:
    left, right = ScriptedEngine(), ScriptedEngine()
    duel = duel_of(left, right)
    await read(duel.ask("hi", HOW, lambda _: PAIR, (PICTURE,)))
    duel.right.sees = lambda _: False
    with pytest.raises(LostSight) as refused:
        await read(duel.regenerate(HOW) if again else duel.ask("more", HOW, lambda _: PAIR))
    assert not any(name in str(refused.value) for name in PAIR)
    assert (len(left.asked), len(right.asked), duel.standing) == (1, 1, "open")


async def test_questions_and_votes_are_counted() -> None:
    duel = duel_of(ScriptedEngine(), ScriptedEngine())
    await asked(duel)
    duel.cast("left", (), "voter", "address")
    with pytest.raises(InvalidRequest):
        duel.cast("left", (), "voter", "address")
    broken = duel_of(ScriptedEngine(), ScriptedEngine(failure=EngineFailed("broken")))
    broken.figures = duel.figures
    await asked(broken)
    told = Told(exposed(registry(duel.figures.figures)).decode())
    assert told.value("arena_battles_total", kind="battle", outcome="whole") == 1
    assert told.value("arena_battles_total", kind="battle", outcome="failed") == 1
    assert told.value("arena_votes_total", kind="battle", winner="left") == 1


async def test_a_talk_that_is_full_is_refused_before_a_side_is_asked() -> None:
    left, right = ScriptedEngine(), ScriptedEngine()
    duel = duel_of(left, right, "side_by_side")
    await asked(duel)
    for side in duel.sides:
        side.turns *= MOST_TURNS
    with pytest.raises(InvalidRequest, match="at most"):
        await asked(duel, "one more")
    assert (len(left.asked), len(right.asked)) == (1, 1)
