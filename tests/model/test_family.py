from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fastchat.model.families import families
from fastchat.model.family import Family, most_specific

WORDS = sorted(
    {word for family in families().values() for text in family.patterns for word in text.split()}
)


def _family(name: str, *patterns: str, is_base: bool = False) -> Family:
    return Family(name=name, patterns=patterns, template=None, examples=(), is_base=is_base)


def _found(model_path: str, *candidates: Family) -> str | None:
    family = most_specific(candidates, model_path)
    return family.name if family else None


def test_more_letters_are_more_specific() -> None:
    short, long = _family("short", "vicuna"), _family("long", "stable-vicuna")
    assert _found("stable-vicuna-13b", short, long) == "long"
    assert _found("vicuna-13b", short, long) == "short"


def test_every_word_of_a_pattern_must_occur() -> None:
    chat = _family("chat", "falcon chat")
    assert _found("falcon-180B-chat", chat) == "chat"
    assert _found("chat-with-falcon", chat) == "chat"
    assert _found("falcon-40b", chat) is None


def test_the_whole_name_is_most_specific() -> None:
    whole, part = _family("whole", "=bard"), _family("part", "bard-jan", "bard")
    assert _found("bard", whole, part) == "whole"
    assert _found("bard-jan-24", whole, part) == "part"


def test_a_base_gives_way_to_its_fine_tune() -> None:
    base, tuned = _family("base", "llama-2", is_base=True), _family("tuned", "koala")
    assert _found("llama-2-7b-koala", base, tuned) == "tuned"


def test_of_two_equals_the_one_named_first_wins() -> None:
    camel, koala = _family("camel", "camel"), _family("koala", "koala")
    assert _found("koala-camel-7b", camel, koala) == "koala"
    assert _found("camel-koala-7b", koala, camel) == "camel"


def test_case_matters_only_to_a_pattern_with_a_capital_letter() -> None:
    loose, strict = _family("loose", "vicuna"), _family("strict", "ReaLM")
    assert _found("VICUNA-7B", loose) == "loose"
    assert _found("ReaLM-7b", strict) == "strict"
    assert _found("realm-7b", strict) is None


def test_a_short_word_is_not_the_tail_of_another() -> None:
    mpt = _family("mpt", "mpt")
    assert _found("prompt-guard", mpt) is None
    assert _found("prompt-mpt-7b", mpt) == "mpt"
    assert _found("mpt-7b", mpt) == "mpt"


def test_the_last_part_of_a_path_is_asked_first() -> None:
    vicuna, llama = _family("vicuna", "vicuna"), _family("llama", "llama-2")
    assert _found("/models/vicuna/llama-2-7b/", vicuna, llama) == "llama"
    assert _found("/models/vicuna/checkpoint-500", vicuna, llama) == "vicuna"


@given(st.lists(st.sampled_from(WORDS), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_families_decides_nothing(words: list[str], rng: Random) -> None:
    name = "-".join(words)
    shuffled = list(families().values())
    rng.shuffle(shuffled)
    assert most_specific(shuffled, name) == most_specific(families().values(), name)
