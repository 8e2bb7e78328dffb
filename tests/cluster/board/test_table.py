import io

import pytest
from rich.console import Console

from fastchat.cluster.board.rows import Row
from fastchat.cluster.board.table import draw

CONTROLLER = Row(process="controller", state="ready", pid=101, address="http://127.0.0.1:21001")
WORKER = Row(
    process="model_worker_31000",
    state="ready",
    pid=102,
    address="http://127.0.0.1:31000",
    requests=3,
    slots=5,
    tokens_per_s=48.25,
    models=("smollm2-135m-instruct",),
)
LOADING = Row(
    process="model_worker_31001", state="starting", loaded=0.5, address="http://127.0.0.1:31001"
)
FAILING = Row(
    process="model_worker_31002",
    state="restarting",
    next_start_s=3.6,
    restarts=4,
    address="http://127.0.0.1:31002",
    models=("broken",),
    note="ended with status 2: broken.gguf is not a GGUF file: give one",
)


def text(*rows: Row, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(draw(rows, width=width))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_wide_terminal_has_a_column_for_everything() -> None:
    head, _, controller, worker = text(CONTROLLER, WORKER, width=120)
    assert head.split() == ["process", "state", "pid", "queue", "tok/s", "address", "models"]
    assert controller.split() == ["controller", "ready", "101", "http://127.0.0.1:21001"]
    assert worker.split() == [
        *("model_worker_31000", "ready", "102", "3/5", "48.2"),
        *("http://127.0.0.1:31000", "smollm2-135m-instruct"),
    ]


def test_eighty_columns_keep_names_and_numbers_whole() -> None:
    lines = text(CONTROLLER, WORKER, FAILING, width=80)
    assert max(map(len, lines)) <= 80
    assert "127.0.0.1:21001" in lines[2]
    assert lines[3].split() == [
        *("model_worker_31000", "ready", "102", "1", "3/5", "48.2", "smollm2-135m-instruct"),
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_failing_process_says_when_it_comes_back_and_why_it_went(width: int) -> None:
    lines = text(CONTROLLER, FAILING, width=width)
    row = next(line for line in lines if line.startswith("model_worker_31002 "))
    assert "again in 4 s" in row
    assert row.split()[5] == "5"  # the fifth run is to come
    said = " ".join(lines[4:])
    assert said == f"model_worker_31002: {FAILING.note}"


def test_loading_is_a_bar() -> None:
    assert "━━━━┄┄┄┄  50%" in text(LOADING, width=80)[2]


def test_a_start_without_a_size_counts_seconds() -> None:
    row = Row(process="openai_api_server", state="starting", since_s=12.3, address="http://a:1")
    assert "starting 12 s" in text(row, width=80)[2]


def test_markup_in_a_log_line_is_text() -> None:
    row = Row(process="w", state="failed", address="http://a:1", note="[red]no[/red] [/bold]")
    assert text(row, width=80)[-1] == "w: [red]no[/red] [/bold]"
