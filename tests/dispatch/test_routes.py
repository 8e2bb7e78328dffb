from collections import Counter
from random import Random

import pytest

from fastchat.core.errors import NoWorker, Overloaded, UnknownModel
from fastchat.dispatch import Routes, Table
from fastchat.dispatch.routes import parse_routes
from fastchat.protocol.cluster import WorkerEntry


def table(routes: Routes, *served: str) -> Table:
    one = Table(lambda: 0, Random(0), routes=routes)
    for name in served:
        one.put(WorkerEntry(address=f"http://{name}", model_names=(name,)))
    return one


def test_an_alias_leads_to_the_model_that_the_worker_is_asked_for() -> None:
    lease = table(Routes(aliases={"gpt-3.5-turbo": "vicuna"}), "vicuna").choose("gpt-3.5-turbo")
    assert (lease.model, lease.worker.address) == ("vicuna", "http://vicuna")


def test_an_alias_is_listed_while_its_model_is_served() -> None:
    routes = Routes(aliases={"a": "vicuna", "b": "gone"})
    assert table(routes, "vicuna").models() == ["a", "vicuna"]


def test_a_canary_gets_its_share() -> None:
    one = table(Routes(aliases={"chat": {"v1": 95, "v2": 5}}), "v1", "v2")
    shares = Counter(one.choose("chat").model for _ in range(4000))
    assert 150 < shares["v2"] < 250


def test_without_a_worker_the_next_in_the_chain_answers() -> None:
    one = table(Routes(fallbacks={"big": ("middle", "small")}), "small")
    assert one.choose("big").model == "small"
    assert one.serves("big", excluding=())
    assert not one.serves("big", excluding=["http://small"])


def test_a_full_model_falls_back_too() -> None:
    one = table(Routes(fallbacks={"big": ("small",)}), "small")
    one.put(WorkerEntry(address="http://big", model_names=("big",), queue_length=2, capacity=2))
    assert one.choose("big").model == "small"


def test_when_the_whole_chain_fails_the_first_model_is_the_reason() -> None:
    one = table(Routes(fallbacks={"big": ("small",)}))
    with pytest.raises(UnknownModel, match="your model big"):
        one.choose("big")
    one.put(WorkerEntry(address="http://big", model_names=("big",), queue_length=2, capacity=2))
    with pytest.raises(Overloaded, match="big"):
        one.choose("big")
    one.drop("http://big")
    with pytest.raises(NoWorker, match="big"):
        one.choose("big")


def test_a_prompt_that_is_too_long_has_a_chain_of_its_own() -> None:
    routes = Routes(aliases={"chat": "short"}, context_fallbacks={"short": ("long", "longer")})
    assert routes.longer("short", asked="chat") == ("long", "longer")
    assert routes.longer("long", asked="chat") == ()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"aliases": {"a": "b", "b": "c"}}, "an alias itself"),
        ({"aliases": {"a": {}}}, "length >= 1"),
        ({"aliases": {"a": {"b": 0}}}, "> 0"),
        ({"fallback": {}}, "unknown field `fallback`"),
        ({"fallbacks": {"a": "b"}}, r"Expected `array`, got `str`"),
    ],
)
def test_routes_that_make_no_sense_are_refused(values: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_routes(values)
