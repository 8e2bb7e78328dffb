"""A controller as a worker of another controller, both ways round."""

import json
import urllib.request
from typing import Any

import pytest

from tests.compat.processes import Processes, Server, Side
from tests.compat.scripted_worker import MODELS, ScriptedWorker
from tests.running import ask

pytestmark = [pytest.mark.compat, pytest.mark.usefixtures("original")]

MODEL = MODELS[0]
ANSWER = "w0 w1 w2 w3"


def generated(controller: Server, model: str = MODEL) -> list[Any]:
    """The messages that come through this controller's relay."""
    params = {"model": model, "prompt": "Hello!", "max_new_tokens": 9, "echo": False}
    request = urllib.request.Request(
        f"{controller.url}/worker_generate_stream",
        json.dumps(params).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        *messages, rest = answer.read().split(b"\0")
    assert rest == b""
    return [json.loads(message) for message in messages]


@pytest.fixture
def ours(own: Processes) -> Server:
    return own.controller("ours")


@pytest.fixture
def originals(own: Processes) -> Server:
    return own.controller("original")


def test_ours_stands_below_the_original(
    own: Processes, ours: Server, originals: Server, scripted: ScriptedWorker
) -> None:
    """Registered by the original's own tool, which has the original ask ours for its status."""
    scripted.register(ours.url)
    own.run(
        "original",
        *("-m", "fastchat.serve.register_worker", "--worker-name", ours.url),
        *("--controller-address", originals.url),
    )
    assert originals.models() == sorted(MODELS)
    assert ask(f"{originals.url}/get_worker_address", {"model": MODEL})[1]["address"] == ours.url
    messages = generated(originals)
    assert messages[-1]["text"] == ANSWER
    assert messages[-1]["finish_reason"] == "stop"


def test_the_original_stands_below_ours(
    ours: Server, originals: Server, scripted: ScriptedWorker
) -> None:
    scripted.register(originals.url)
    status = ask(f"{originals.url}/worker_get_status", {})[1]
    registration = {"worker_name": originals.url, "check_heart_beat": True, "worker_status": status}
    assert ask(f"{ours.url}/register_worker", registration) == (200, None)
    assert ours.models() == sorted(MODELS)
    assert generated(ours) == generated(originals)


def test_ours_fetches_no_address_that_it_was_handed(ours: Server, originals: Server) -> None:
    """The original asks whatever address it is given; without a status ours refuses instead."""
    registration = {"worker_name": originals.url, "check_heart_beat": True, "worker_status": None}
    status, answer = ask(f"{ours.url}/register_worker", registration)
    assert (status, answer["error"]["code"]) == (400, 40001)


@pytest.mark.parametrize("side", ["ours", "original"])
def test_the_test_message_goes_through_two_controllers(
    own: Processes, ours: Server, originals: Server, scripted: ScriptedWorker, side: Side
) -> None:
    scripted.register(ours.url)
    status = ask(f"{ours.url}/worker_get_status", {})[1]
    registration = {"worker_name": ours.url, "check_heart_beat": True, "worker_status": status}
    ask(f"{originals.url}/register_worker", registration)
    said = own.run(
        side,
        *("-m", "fastchat.serve.test_message", "--model-name", MODEL),
        *("--controller-address", originals.url),
    )
    assert ANSWER in said


def test_a_model_that_nobody_serves_is_an_error_message(ours: Server, originals: Server) -> None:
    """The original sends a second message, 50006, after it has said that there is no worker."""
    assert [message["error_code"] for message in generated(ours, "nobody")] == [50005]
    assert [message["error_code"] for message in generated(originals, "nobody")] == [50005, 50006]
