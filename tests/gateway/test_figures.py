from pathlib import Path
from random import Random

import httpx
import pytest
from msgspec.structs import replace

from fastchat.core.board import Board
from fastchat.core.generation import Usage
from fastchat.core.metrics import Figures, exposed, registry
from fastchat.dispatch import Following, Table
from fastchat.dispatch.figures import show_table
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.gateway.shares import Shares
from fastchat.protocol.cluster import TableUpdate, WorkerEntry
from fastchat.providers.prices import Price
from tests.apps import gateway_service
from tests.exposition import Told

CHAT = "/v1/chat/completions"
PASSAGE = Passage(
    id="id",
    path=CHAT,
    key="team",
    model="m",
    stream=True,
    status=200,
    error_code=None,
    worker="http://w",
    tries=3,
    migrations=1,
    first_byte_s=0.5,
    total_s=2.5,
    at_worker="",
    counts=Usage(prompt_tokens=7, completion_tokens=11, cached_tokens=4),
)


@pytest.fixture
def figures() -> GatewayFigures:
    return GatewayFigures(lambda model: model == "served")


def told(figures: GatewayFigures) -> Told:
    return Told(exposed(registry(figures.figures)).decode())


def test_a_stream_is_counted_with_its_tokens_and_times(figures: GatewayFigures) -> None:
    figures.account(PASSAGE)
    now = told(figures)
    requests = {"path": CHAT, "model": "m", "key": "team", "status": "200"}
    assert now.value("gateway_requests_total", **requests) == 1
    assert now.value("gateway_prompt_tokens_total", model="m", key="team") == 7
    assert now.value("gateway_cached_prompt_tokens_total", model="m", key="team") == 4
    assert now.value("gateway_completion_tokens_total", model="m", key="team") == 11
    assert now.value("gateway_retries_total", model="m") == 1
    assert now.value("gateway_migrations_total", model="m") == 1
    assert now.value("gateway_time_to_first_token_seconds_sum", model="m") == 0.5
    assert now.value("gateway_time_per_output_token_seconds_sum", model="m") == 0.2
    assert now.value("gateway_request_duration_seconds_sum", model="m") == 2.5


def test_a_plain_answer_has_no_first_token(figures: GatewayFigures) -> None:
    figures.account(replace(PASSAGE, stream=False))
    assert told(figures).value("gateway_time_to_first_token_seconds_count", model="m") == 0


def test_answers_of_models_with_a_price_cost_their_key_money() -> None:
    price = Price(input=1000, cached=0, output=2000, as_of="2026-01")
    figures = GatewayFigures(lambda _: True, {"m": price})
    for passage in (
        PASSAGE,
        PASSAGE,
        replace(PASSAGE, model="free"),
        replace(PASSAGE, counts=None),
    ):
        figures.account(passage)
    now = told(figures)
    one = (3 * 1000 + 11 * 2000) / 1e6  # of seven tokens four were cached
    assert now.value("gateway_spend_dollars_total", model="m", key="team") == pytest.approx(2 * one)
    assert now.labels("gateway_spend_dollars_total", "model") == {"m"}


def test_names_that_clients_think_of_have_one_series_together(figures: GatewayFigures) -> None:
    for number in range(50):
        figures.account(replace(PASSAGE, model=f"invented-{number}", worker="", status=404))
    figures.account(replace(PASSAGE, model="served", worker="", status=503))
    assert told(figures).labels("gateway_requests_total", "model") == {"unknown", "served"}


def test_a_model_keeps_its_name_when_its_workers_are_gone(figures: GatewayFigures) -> None:
    figures.account(PASSAGE)
    figures.account(replace(PASSAGE, worker="", status=503, error_code=50005))
    now = told(figures)
    assert now.labels("gateway_requests_total", "status") == {"200", "503"}
    assert now.labels("gateway_requests_total", "model") == {"m"}
    assert now.value("gateway_errors_total", error_code="50005") == 1


def test_a_code_that_a_worker_thought_of_is_another(figures: GatewayFigures) -> None:
    figures.account(replace(PASSAGE, error_code=12345))
    assert told(figures).value("gateway_errors_total", error_code="other") == 1


def test_the_table_is_told() -> None:
    now, figures = [0.0], Figures()
    table = Table(lambda: now[0], Random(0), "shortest_queue")
    following = Following(table)
    show_table(figures, "gateway", table, following)
    following._apply(TableUpdate(put=(WorkerEntry(address="http://w", model_names=("m",)),)))
    lease = table.choose("m")
    table.take(lease)
    for _ in range(3):
        table.report(lease, "failed")
    now[0] = 0.5
    tells = Told(exposed(registry(figures)).decode())
    assert tells.value("gateway_table_age_seconds") == 0.5
    assert tells.value("gateway_worker_breaker_state", worker="http://w") == 2
    assert tells.value("gateway_worker_in_flight", worker="http://w") == 1
    assert tells.value("gateway_model_workers", model="m") == 1
    now[0] = 1.5
    table.drop("http://w")
    assert Told(exposed(registry(figures)).decode()).value("gateway_model_workers", model="m") == 0


@pytest.mark.parametrize(
    ("keys", "caller", "shown", "status"),
    [
        ([], "127.0.0.1", "", 200),
        ([], "10.1.2.3", "", 401),
        (["k"], "127.0.0.1", "", 401),
        (["k"], "10.1.2.3", "k", 200),
    ],
)
async def test_metrics_are_for_insiders(
    table: Table, keys: list[str], caller: str, shown: str, status: int
) -> None:
    service = gateway_service(table, report=lambda _: None, keys=KeyRing.of(keys))
    transport = httpx.ASGITransport(app=service.app, client=(caller, 1))
    headers = {"authorization": f"Bearer {shown}"} if shown else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_whoever_is_asked_tells_for_all_processes(tmp_path: Path) -> None:
    shares = [Shares(tmp_path, number, Board(3)) for number in (1, 2, 3)]
    registries = []
    for number in (1, 2, 3):
        figures = Figures()
        figures.counter("asked", "Asked.").of().add(number)
        registries.append(registry(figures))
    async with shares[0].told(registries[0]), shares[1].told(registries[1]):
        tells = Told((await shares[1].exposed(registries[1])).decode())
    assert tells.labels("asked_total", "process") == {"1", "2"}  # 3 is being started
    assert tells.value("asked_total", process="1") == 1


async def test_a_process_that_came_back_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "1.sock").touch()
    board = Board(2)
    share, other = Shares(tmp_path, 1, board), Shares(tmp_path, 2, board)
    async with share.told(registry()):
        tells = Told((await other.exposed(registry())).decode())
    assert tells.labels("process_start_time_seconds", "process") == {"1", "2"}
