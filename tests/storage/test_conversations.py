"""What is kept of a conversation, for whom, and how it goes."""

from functools import partial

from fastchat.storage import Database, conversations
from fastchat.storage.conversations import StoredTurn


def turn(question: str, answer: str = "yes") -> StoredTurn:
    return StoredTurn(question=question, answer=answer, finish="stop", settings={"model": "m"})


def save(
    database: Database,
    id: str,
    *questions: str,
    owner: str = "ada",
    first: int = 0,
    is_new: bool = True,
) -> None:
    database.write(
        partial(
            conversations.save, id=id, owner=owner, tab=f"tab of {id}", title=f"title of {id}",
            turns=[turn(question) for question in questions], first=first, now=5.0 + len(id),
            is_new=is_new,
        )
    )  # fmt: skip


def questions(database: Database, id: str, owner: str = "ada") -> list[str]:
    found = database.read_now(partial(conversations.opened, id=id, owner=owner))
    return [turn.question for turn in found.turns] if found else []


def ids(database: Database, search: str = "", owner: str = "ada") -> list[str]:
    found = database.read_now(partial(conversations.listed, owner=owner, search=search))
    return [one.id for one in found]


def test_a_conversation_grows_and_is_edited(database: Database) -> None:
    save(database, "c", "one", "two", "three")
    save(database, "c", "four", first=3)
    assert questions(database, "c") == ["one", "two", "three", "four"]
    save(database, "c", "other", first=1)
    assert questions(database, "c") == ["one", "other"]
    save(database, "c", first=0)
    assert questions(database, "c") == []


def test_it_is_nobody_elses(database: Database) -> None:
    save(database, "c", "secret")
    assert questions(database, "c", owner="eve") == []
    assert ids(database, owner="eve") == []
    save(database, "c", "mine now", owner="eve")
    assert not database.write(partial(conversations.change, id="c", owner="eve", title="x"))
    assert not database.write(partial(conversations.forget, id="c", owner="eve"))
    assert questions(database, "c") == ["secret"]


def test_titles_and_words_are_searched(database: Database) -> None:
    save(database, "c", "What of the Sea?")
    save(database, "dd", "100% sure")
    assert ids(database, "sea") == ["c"]
    assert ids(database, "TITLE OF D") == ["dd"]
    assert ids(database, "%") == ["dd"]
    assert ids(database, "nothing") == []


def test_the_pinned_ones_come_first(database: Database) -> None:
    for id in ("c", "dd", "eee"):
        save(database, id, "hello")
    assert ids(database) == ["eee", "dd", "c"]
    assert database.write(partial(conversations.change, id="c", owner="ada", pinned=True))
    assert ids(database) == ["c", "eee", "dd"]


def test_a_shared_one_is_read_by_who_knows_the_link(database: Database) -> None:
    save(database, "c", "hello")
    assert database.read_now(partial(conversations.shared, share="s")) is None
    database.write(partial(conversations.change, id="c", owner="ada", share="s"))
    found = database.read_now(partial(conversations.shared, share="s"))
    assert found is not None
    assert [one.question for one in found.turns] == ["hello"]


def test_a_tab_finds_what_it_showed_last(database: Database) -> None:
    save(database, "c", "hello")
    save(database, "c2", "other")
    for owner, tab, expected in (("ada", "tab of c", "c"), ("eve", "tab of c", None)):
        found = database.read_now(partial(conversations.of_tab, tab=tab, owner=owner))
        assert (found.id if found else None) == expected
    database.write(partial(conversations.change, id="c2", owner="ada", tab="tab of c"))
    found = database.read_now(partial(conversations.of_tab, tab="tab of c", owner="ada"))
    assert found is not None
    assert found.id == "c2"


def test_what_is_deleted_is_gone(database: Database) -> None:
    save(database, "c", "hello")
    assert database.write(partial(conversations.forget, id="c", owner="ada"))
    assert (ids(database), questions(database, "c")) == ([], [])
    save(database, "c", "who still has it open", is_new=False)
    assert (ids(database), questions(database, "c")) == ([], [])
    save(database, "c", owner="eve")
    assert questions(database, "c", owner="eve") == []
