"""A controller as a worker of another controller, both ways round."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from tests.compat.processes import OTHER, SIDES, Processes, Server, Side
from tests.compat.scripted_worker import MODELS, ScriptedWorker
from tests.running import ask

pytestmark = [
    pytest.mark.compat,
    pytest.mark.usefixtures("original"),
    pytest.mark.timeout(300, func_only=True),
]

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


@dataclass(frozen=True)
class Pair:
    """One controller registered with the other, by the tool of 0.2.36; a worker with the lower."""

    above: Server
    below: Server


@pytest.fixture(params=SIDES)
def pair(request: pytest.FixtureRequest, own: Processes, scripted: ScriptedWorker) -> Pair:
    above = own.controller(request.param)
    below = own.controller(OTHER[above.side])
    scripted.register(below.url)
    own.run(
        "original",
        *("-m", "fastchat.serve.register_worker", "--worker-name", below.url),
        *("--controller-address", above.url),
    )
    return Pair(above, below)


def test_the_upper_one_knows_the_models_of_the_lower(pair: Pair) -> None:
    assert pair.above.models() == sorted(MODELS)
    found = ask(f"{pair.above.url}/get_worker_address", {"model": MODEL})[1]
    assert found == {"address": pair.below.url}


def test_an_answer_comes_through_both(pair: Pair) -> None:
    messages = generated(pair.above)
    assert messages[-1]["text"] == ANSWER
    assert messages[-1]["finish_reason"] == "stop"
    assert messages == generated(pair.below)


def test_it_goes_on_when_the_lower_one_is_asked_again(pair: Pair) -> None:
    assert ask(f"{pair.above.url}/refresh_all_workers", {}) == (200, None)
    assert pair.above.models() == sorted(MODELS)


def test_the_upper_one_forgets_a_lower_one_that_died(pair: Pair) -> None:
    """It sends no heart-beats: it is asked when somebody asks."""
    pair.below.kill()
    ask(f"{pair.above.url}/refresh_all_workers", {})
    assert pair.above.models() == []


@pytest.mark.parametrize("side", SIDES)
def test_the_test_message_of_either_side_goes_through(
    own: Processes, pair: Pair, side: Side
) -> None:
    said = own.run(
        side,
        *("-m", "fastchat.serve.test_message", "--model-name", MODEL),
        *("--controller-address", pair.above.url),
    )
    assert f"worker_addr: {pair.below.url}" in said
    assert ANSWER in said


def test_our_api_server_stands_in_front_of_either_pair(
    own: Processes, pair: Pair, scripted: ScriptedWorker
) -> None:
    """A lower controller of 0.2.36 tells no template; then the model's name does."""
    api = own.api("ours", pair.above)
    status, answer = api.chat("Hello!", model=MODEL)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, ANSWER)
    (sent,) = [call.body for call in scripted.calls if call.path == "/worker_generate_stream"]
    assert sent["prompt"].endswith("USER: Hello! ASSISTANT:")


def test_the_original_api_server_works_when_ours_is_the_lower(
    own: Processes, scripted: ScriptedWorker
) -> None:
    """A controller of 0.2.36 stands in for its workers for streams only; ours for all calls."""
    ours, above = own.controller("ours"), own.controller("original")
    scripted.register(ours.url)
    status = ask(f"{ours.url}/worker_get_status", {})[1]
    registration = {"worker_name": ours.url, "check_heart_beat": False, "worker_status": status}
    assert ask(f"{above.url}/register_worker", registration) == (200, None)
    status, answer = own.api("original", above).chat("Hello!", model=MODEL)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, ANSWER)


def test_a_model_that_nobody_serves_is_an_error_message(own: Processes) -> None:
    """The original sends a second message, 50006, after it has said that there is no worker."""
    ours, original = own.controller("ours"), own.controller("original")
    assert [message["error_code"] for message in generated(ours, "nobody")] == [50005]
    assert [message["error_code"] for message in generated(original, "nobody")] == [50005, 50006]
