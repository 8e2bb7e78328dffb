"""Battles and votes are added, and come back as ballots."""

from fastchat.arena.battle import Battle, Side, Vote, Winner, ballot
from fastchat.storage import Database, battles, votes


def battle(id: str = "b1", answer: str = "The sea is **wide**.") -> Battle:
    return Battle(
        id=id,
        kind="battle",
        began_s=1.5,
        finished_s=2.5,
        questions=("Write a poem about the sea",),
        left=Side(model="alpha", answers=(answer,)),
        right=Side(model="beta", answers=("No.",)),
    )


def vote(id: str = "b1", winner: Winner = "left") -> Vote:
    return Vote(
        battle=id, winner=winner, voter="v", address="::1", cast_s=9.25, dwell_s=6.5,
        reasons=("style",),
    )  # fmt: skip


async def test_a_vote_comes_back_as_the_ballot_that_it_makes(database: Database) -> None:
    battles.add(database, battle())
    votes.add(database, vote())
    assert database.writer.flush(5)
    found, last = await database.read(votes.ballots)
    assert list(found) == [ballot(battle(), vote())]
    assert found[0].styles is not None
    assert last > 0


async def test_a_battle_is_kept_whole(database: Database) -> None:
    battles.add(database, battle())
    assert database.writer.flush(5)
    assert await database.read(lambda connection: battles.find(connection, "b1")) == battle()
    assert await database.read(lambda connection: battles.find(connection, "b2")) is None
    assert not await database.read(lambda connection: votes.is_voted(connection, "b1"))


async def test_of_two_votes_on_a_battle_the_first_holds(database: Database) -> None:
    battles.add(database, battle())
    votes.add(database, vote())
    votes.add(database, vote(winner="right"))
    assert database.writer.flush(5)
    found, _ = await database.read(votes.ballots)
    assert [one.winner for one in found] == ["left"]
    assert await database.read(lambda connection: votes.is_voted(connection, "b1"))


def test_a_vote_that_is_waited_for_says_whether_it_was_the_first(database: Database) -> None:
    battles.add(database, battle())
    assert database.writer.flush(5)
    assert database.write(lambda connection: votes.add_now(connection, vote()))
    second = vote(winner="right")
    assert not database.write(lambda connection: votes.add_now(connection, second))
    assert database.read_now(votes.winners) == {"b1": "left"}
    assert database.read_now(votes.appearances) == {"alpha": 1, "beta": 1}
    assert database.read_now(battles.ids) == ["b1"]


async def test_only_what_is_new_can_be_read(database: Database) -> None:
    battles.add(database, battle("b1"))
    battles.add(database, battle("b2", "I am Vicuna."))
    votes.add(database, vote("b1"))
    assert database.writer.flush(5)
    _, last = await database.read(votes.ballots)
    votes.add(database, vote("b2"))
    assert database.writer.flush(5)
    found, _ = await database.read(lambda connection: votes.ballots(connection, last))
    assert [(one.battle, one.leaked) for one in found] == [("b2", True)]
    assert await database.read(lambda connection: votes.ballots(connection, last + 1)) == (
        [],
        last + 1,
    )
