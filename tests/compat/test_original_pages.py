"""The chat page of 0.2.36 in front of controllers and workers of either side."""

import json
from pathlib import Path

import pytest

from tests.compat.processes import NAME, Processes, Server
from tests.compat.questions import QUESTION

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300, func_only=True)]

PAGES = Path(__file__).with_name("original_pages.py")
CURSOR = "▌"


def shown(started: Processes, controller: Server) -> list[str]:
    """The answer as it grew on the page."""
    said = started.run("original", str(PAGES), controller.url, QUESTION)
    page = json.loads(said.splitlines()[-1])
    assert page["models"] == [NAME]
    texts: list[str] = page["shown"]
    return texts


def check(texts: list[str]) -> None:
    *growing, last = texts
    assert growing[0] == CURSOR
    assert len(growing) > 2
    assert all(text.endswith(CURSOR) for text in growing)
    assert last
    assert last.startswith(growing[1].removesuffix(CURSOR))
    assert "error_code" not in last


def test_our_controller_and_an_original_worker(
    shared: Processes, our_controller: Server, original_worker: Server
) -> None:
    check(shown(shared, our_controller))


def test_the_original_controller_and_our_worker(
    shared: Processes, original_controller: Server, our_worker: Server
) -> None:
    check(shown(shared, original_controller))


def test_our_controller_and_our_worker(own: Processes) -> None:
    controller = own.controller("ours")
    own.worker("ours", controller)
    check(shown(own, controller))


def test_a_page_without_a_worker_says_so(own: Processes) -> None:
    """The address that our controller gives for a model without a worker is empty."""
    controller = own.controller("ours")
    worker = own.worker("ours", controller)
    worker.kill()
    assert shown(own, controller)[-1].startswith("**NETWORK ERROR DUE TO HIGH TRAFFIC")
