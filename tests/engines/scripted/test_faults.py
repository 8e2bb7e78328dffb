from random import Random

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.scripted import Fault, Faults


def faults(*rates: str, schedule: tuple[str, ...] = (), seed: int = 0) -> Faults:
    return Faults.parse(rates, schedule, Random(seed))


def test_a_mark_in_the_prompt_asks_for_a_fault() -> None:
    one = faults()
    assert one.next("please [[stall]] here", continued=False) == Fault("stall", 3)
    assert one.next("[[die 5]]", continued=False) == Fault("die", 5)
    assert one.next("[[nonsense]] [stall]", continued=False) is None


def test_a_schedule_says_what_each_request_meets_and_begins_again() -> None:
    one = faults(schedule=("ok", "die@2", "http500"))
    met = [one.next("hi", continued=False) for _ in range(4)]
    assert met == [None, Fault("die", 2), Fault("http500", 0), None]


def test_chance_meets_its_share() -> None:
    one = faults("cut:0.05", "stall@5:0.1")
    met = [one.next("hi", continued=False) for _ in range(4000)]
    assert 150 < met.count(Fault("cut", 3)) < 250
    assert 330 < met.count(Fault("stall", 5)) < 470


def test_an_answer_that_goes_on_met_its_fault_before() -> None:
    one = faults("cut:1", schedule=("die",))
    assert one.next("[[stall]]", continued=True) is None
    assert one.next("hi", continued=False) == Fault("die", 3)


@pytest.mark.parametrize(
    "word", ["explode:0.1", "cut:2", "cut:x", "ok:0.1", "cut@x:0.1", "cut:nan"]
)
def test_chances_that_make_no_sense_are_refused(word: str) -> None:
    with pytest.raises(ConfigError):
        faults(word)


@pytest.mark.parametrize("word", ["explode", "ok@1", "cut@-1", "cut:0.5"])
def test_a_schedule_that_makes_no_sense_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="unknown fault"):
        faults(schedule=(word,))
