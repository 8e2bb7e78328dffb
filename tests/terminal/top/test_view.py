"""The rows of `fastchat top`, and the lines that they become."""

import io
import json as reader
from collections.abc import Mapping

from rich.console import Console

from fastchat.protocol.cluster import WorkerEntry, WorkerLoad
from fastchat.terminal.top.drawing import draw
from fastchat.terminal.top.lines import json, plain
from fastchat.terminal.top.reading import Reading
from fastchat.terminal.top.samples import Samples
from fastchat.terminal.top.view import View, view

OURS = WorkerEntry(address="http://a:1", model_names=("m",), dialects=("openai",))
OLD = WorkerEntry(address="http://b:2", model_names=("m", "old"), queue_length=3)
LOAD = WorkerLoad(running=2, waiting=1, slots=4, completion_tokens=90, tokens_per_s=30)
BEFORE = 'gateway_requests_total{model="m",key="",status="200"} 1\n'
NOW = """gateway_requests_total{model="m",key="ann",status="200"} 4
gateway_requests_total{model="m",key="ann",status="502"} 2
gateway_requests_total{model="m",key="ann",status="499"} 2
gateway_completion_tokens_total{model="m",key="ann"} 20
gateway_prompt_tokens_total{model="m",key="ann"} 10
gateway_errors_total{error_code="50001"} 2
gateway_requests_in_flight 3
gateway_worker_breaker_state{worker="http://a:1"} 2
"""


def seen(
    *table: WorkerEntry, loads: Mapping[str, WorkerLoad] | None = None, now: str | None = NOW
) -> View:
    samples = None if now is None else Samples.of(now)
    before = Reading(at=10, samples=Samples.of(BEFORE))
    return view(before, Reading(at=12, table=table, loads=loads or {}, samples=samples))


def test_a_model_is_as_busy_as_its_workers() -> None:
    (model, old) = seen(OURS, OLD, loads={"http://a:1": LOAD}).models
    assert (model.model, model.workers, model.running, model.waiting, model.slots) == (
        *("m", 2, 2, 1, 4),
    )
    assert (model.requests_per_s, model.errors_per_s, model.tokens_per_s) == (3.5, 1, 30)
    assert (old.model, old.running, old.requests_per_s) == ("old", None, None)


def test_a_worker_says_how_it_is_seen() -> None:
    ours, old = seen(OURS, OLD, loads={"http://a:1": LOAD}).workers
    assert (ours.state, ours.tokens_per_s) == ("held back", 30)
    assert (old.state, old.running, old.slots) == ("0.2.36", 3, None)
    assert [one.state for one in seen(OURS).workers] == ["silent"]


def test_keys_and_totals_are_those_of_the_api_server() -> None:
    found = seen(OURS)
    assert [(row.key, row.requests_per_s, row.tokens_per_s) for row in found.keys] == [
        ("ann", 4, 15)
    ]
    assert found.api is not None
    assert (found.api.in_flight, found.api.errors_per_s) == (3, {"50001": 1})


def test_without_the_api_server_workers_are_shown_all_the_same() -> None:
    found = seen(OURS, loads={"http://a:1": LOAD}, now=None)
    assert (found.api, found.keys) == (None, ())
    assert [row.tokens_per_s for row in found.models] == [30]


def test_a_model_that_no_worker_serves_is_shown_while_it_is_asked_for() -> None:
    assert [(row.model, row.workers, row.tokens_per_s) for row in seen().models] == [("m", 0, 10)]


def test_the_lines_and_the_object_hold_the_same() -> None:
    found = seen(OURS, loads={"http://a:1": LOAD})
    api, model, worker, key = plain(found, "NOW").splitlines()
    assert api.startswith("NOW api in_flight=3 ")
    assert api.endswith(" errors_per_s=50001:1")
    assert model.startswith("NOW model model=m workers=1 running=2 waiting=1 slots=4 ")
    assert worker.startswith("NOW worker address=http://a:1 models=m state=held_back ")
    assert key == "NOW key key=ann requests_per_s=4 tokens_per_s=15"
    assert reader.loads(json(found, "NOW"))["workers"][0]["address"] == "http://a:1"


def test_the_picture_fits_into_eighty_columns() -> None:
    out = io.StringIO()
    Console(width=80, file=out).print(draw(seen(OURS, OLD, loads={"http://a:1": LOAD})))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("held back" in line and "2/4" in line for line in lines)
