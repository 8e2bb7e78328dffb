"""Every query of every panel, asked of a Prometheus that scrapes a running platform. Grafana itself
is not run: it is not to be had where these tests run."""

import json
import re

import pytest

from tests.ops.stage import Stage, wait_for
from tests.ops.tools import DEPLOY
from tools.dashboards import BOARDS, built

pytestmark = pytest.mark.ops

PANELS = [
    (name, panel["title"], target["expr"])
    for name in BOARDS
    for panel in json.loads(built(name))["panels"]
    for target in panel["targets"]
]


@pytest.mark.parametrize(("board", "panel", "query"), PANELS)
def test_a_panel_has_data(stage: Stage, board: str, panel: str, query: str) -> None:
    query = query.replace("$__rate_interval", "1m")
    query = re.sub(r"\$(?:model|instance)", ".*", query)
    assert wait_for(lambda: stage.query(query))


@pytest.mark.parametrize("name", BOARDS)
def test_the_files_are_what_the_code_says(name: str) -> None:
    assert (DEPLOY / "grafana" / f"{name}.json").read_text() == built(name)


@pytest.mark.parametrize(
    "query",
    [
        'provider_spend_dollars_total{job="fastchat-api",model="far"} > 0',
        'sum by (model) (gateway_spend_dollars_total{model="far"}) > 0',
        'arena_battles_total{kind="api",outcome="whole"} == 1',
        'arena_votes_total{kind="api",winner="tie"} == 1',
    ],
)
def test_what_was_asked_for_is_in_the_sums(stage: Stage, query: str) -> None:
    """A panel has data from the start; this has what the platform did."""
    assert wait_for(lambda: stage.query(query))


def test_the_guides_five_panels_are_there() -> None:
    titles = {panel for board, panel, _ in PANELS if board == "worker"}
    assert titles >= {"Throughput", "Latency", "Queue", "Use of the cards", "Errors"}
