"""Workers and controllers that come and go, of either side, with short times."""

import pytest

from tests.compat.processes import NAME, OTHER, SIDES, Processes, Server, Side, until
from tests.compat.questions import QUESTION
from tests.running import ask, free_ports

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300, func_only=True)]

EXPIRATION = {"FASTCHAT_CONTROLLER_HEART_BEAT_EXPIRATION": "6"}
BEATS = {"FASTCHAT_WORKER_HEART_BEAT_INTERVAL": "1"}

# The controller's side; the worker is of the other.
every_mixture = pytest.mark.parametrize("side", SIDES)


def heard(controller: Server) -> int:
    """Heart-beats so far; both sides write the same line."""
    return controller.log.read_text(errors="replace").count("Receive heart beat")


@every_mixture
def test_a_living_worker_stays_and_a_dead_one_is_forgotten(own: Processes, side: Side) -> None:
    controller = own.controller(side, environ=EXPIRATION)
    worker = own.worker(OTHER[side], controller, environ=BEATS)
    until(lambda: heard(controller) > 8)  # that is longer than a silent one would stay
    assert controller.models() == [NAME]
    worker.kill()
    until(lambda: controller.models() == [])


@every_mixture
def test_a_controller_that_was_restarted_hears_of_its_worker(own: Processes, side: Side) -> None:
    """A beat to a stranger is answered with `exist: false`; the worker registers anew."""
    (port,) = free_ports(1)
    controller = own.controller(side, port=port)
    worker = own.worker(OTHER[side], controller, environ=BEATS)
    controller.kill()
    again = own.controller(side, port=port)
    until(lambda: again.models() == [NAME])
    address = ask(f"{again.url}/get_worker_address", {"model": NAME})[1]["address"]
    assert address == worker.url


def test_our_worker_leaves_an_original_controller_in_peace(own: Processes) -> None:
    """It says goodbye only to those who know the word, and ends at once."""
    controller = own.controller("original")
    worker = own.worker("ours", controller)
    worker.end()
    assert worker.process.returncode == 0
    assert "/unregister_worker" not in controller.log.read_text()


def test_a_worker_restarted_with_another_template_gets_its_prompts(own: Processes) -> None:
    """The API server of 0.2.36 kept the first template for ever."""
    (port,) = free_ports(1)
    controller = own.controller("ours")
    worker = own.worker("original", controller, port=port)
    ours = own.api("ours", controller)
    before = ours.chat(QUESTION)[1]["usage"]["prompt_tokens"]
    worker.kill()
    own.worker("original", controller, port=port, template="vicuna_v1.1")
    fresh = own.api("original", controller).chat(QUESTION)[1]["usage"]["prompt_tokens"]
    until(lambda: ours.chat(QUESTION)[1].get("usage", {}).get("prompt_tokens") == fresh)
    assert before != fresh


def test_either_worker_answers_for_the_other(own: Processes) -> None:
    """An original and one of ours serve one model; one of them dies, and no request fails."""
    controller = own.controller("ours", environ=EXPIRATION)
    original = own.worker("original", controller, environ=BEATS)
    own.worker("ours", controller, environ=BEATS)
    api = own.api("ours", controller)
    until(lambda: len(ask(f"{controller.url}/workers")[1]["workers"]) == 2)
    assert [api.chat(QUESTION)[0] for _ in range(4)] == [200] * 4
    original.kill()
    assert [api.chat(QUESTION)[0] for _ in range(4)] == [200] * 4
    until(lambda: len(ask(f"{controller.url}/workers")[1]["workers"]) == 1)
