import json

from fastchat.dispatch.prefixes import MOST_PREFIXES, SHORTEST_BYTES, Prefixes, prefixes_of


def body(*said: str, **settings: object) -> bytes:
    messages = [{"role": "user", "content": text} for text in said]
    return json.dumps({"model": "m", **settings, "messages": messages}).encode()


def test_a_short_prompt_is_not_worth_remembering() -> None:
    assert prefixes_of(body("hi")) == ()


def test_a_conversation_that_goes_on_begins_as_it_did() -> None:
    before = prefixes_of(body("long " * 1000))
    after = prefixes_of(body("long " * 1000, "and more " * 1000))
    assert len(before) >= 3
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_what_comes_before_the_prompt_does_not_matter() -> None:
    text = "long " * 1000
    assert prefixes_of(body(text, user="a", seed=1)) == prefixes_of(body(text, user="b"))


def test_prompts_that_differ_late_share_their_beginnings() -> None:
    one, other = (
        prefixes_of(body("x" * 5000 + "a" * 5000)),
        prefixes_of(body("x" * 5000 + "b" * 5000)),
    )
    shared = [a == b for a, b in zip(one, other, strict=True)]
    assert shared[:4] == [True] * 4
    assert not shared[-1]


def test_a_prompt_of_any_length_has_few_prefixes() -> None:
    assert len(prefixes_of(b"x" * SHORTEST_BYTES * 1024)) == 11


def test_the_oldest_prefix_is_forgotten_first() -> None:
    seen = Prefixes()
    seen.add(tuple(range(MOST_PREFIXES)))
    seen.add((0, MOST_PREFIXES))
    assert 0 in seen
    assert 1 not in seen
