"""A worker of 0.2.36 with real weights below a controller of ours."""

from collections.abc import Mapping

import pytest

from tests.compat.processes import NAME, SIDES, TEMPLATE, Processes, Server, Side, question
from tests.compat.questions import QUESTION, events, text_of
from tests.running import ask

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300, func_only=True)]

Apis = Mapping[Side, Server]


@pytest.fixture(scope="module")
def apis(shared: Processes, our_controller: Server, original_worker: Server) -> Apis:
    return {side: shared.api(side, our_controller) for side in SIDES}


@pytest.mark.parametrize("side", SIDES)
def test_the_model_is_listed(apis: Apis, side: Side) -> None:
    listed = ask(f"{apis[side].url}/v1/models")[1]
    assert [card["id"] for card in listed["data"]] == [NAME]


@pytest.mark.parametrize("side", SIDES)
def test_a_chat_is_answered(apis: Apis, side: Side) -> None:
    status, answer = apis[side].chat(QUESTION)
    assert status == 200
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")


def test_both_api_servers_say_the_same(apis: Apis) -> None:
    """Same prompt, same parameters, greedy: the same answer and the same counts."""
    ours, original = (apis[side].chat(QUESTION)[1] for side in ("ours", "original"))
    assert ours["choices"][0].items() >= original["choices"][0].items()
    assert ours["usage"]["prompt_tokens"] == original["usage"]["prompt_tokens"]


@pytest.mark.parametrize("side", SIDES)
def test_a_streamed_chat_is_the_whole_one_in_pieces(apis: Apis, side: Side) -> None:
    whole = apis[side].chat(QUESTION)[1]["choices"][0]["message"]["content"]
    streamed = events(apis[side], "/v1/chat/completions", question(QUESTION))
    assert text_of(streamed) == whole
    assert streamed[-1]["choices"][0]["finish_reason"] in ("stop", "length")


@pytest.mark.parametrize("side", SIDES)
def test_a_completion_is_answered(apis: Apis, side: Side) -> None:
    body = {"model": NAME, "prompt": "One, two, three,", "temperature": 0, "max_tokens": 4}
    status, answer = ask(f"{apis[side].url}/v1/completions", body)
    assert (status, answer["object"]) == (200, "text_completion")
    assert "four" in answer["choices"][0]["text"]
    assert text_of(events(apis[side], "/v1/completions", body)) == answer["choices"][0]["text"]


@pytest.mark.parametrize("side", SIDES)
def test_tokens_are_counted(apis: Apis, side: Side) -> None:
    prompts = [{"model": NAME, "prompt": "one two three", "max_tokens": 5}]
    status, answer = ask(f"{apis[side].url}/api/v1/token_check", {"prompts": prompts})
    assert (status, answer["prompts"]) == (
        200,
        [{"fits": True, "tokenCount": 3, "contextLength": 8192}],
    )


ERRORS: Mapping[str, tuple[dict[str, object], int]] = {
    "too hot": ({"temperature": 3}, 40302),
    "no tokens": ({"max_tokens": 0}, 40302),
    "another model": ({"model": "nobody"}, 40301),
    "too long": ({"messages": [{"role": "user", "content": "word " * 9000}]}, 40303),
    "wrong type": ({"temperature": "hot"}, 40001),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_have_the_codes_of_the_original(apis: Apis, kind: str) -> None:
    settings, code = ERRORS[kind]
    assert apis["original"].chat(QUESTION, **settings)[1]["code"] == code
    ours = apis["ours"].chat(QUESTION, **settings)[1]
    assert (ours["code"], ours["error"]["code"]) == (code, code)


def test_the_template_is_the_workers_own(original_worker: Server) -> None:
    conv = ask(f"{original_worker.url}/worker_get_conv_template", {"model": NAME})[1]["conv"]
    assert conv["name"] == TEMPLATE


@pytest.mark.parametrize("side", SIDES)
def test_the_test_message_of_either_side_arrives(
    shared: Processes, our_controller: Server, original_worker: Server, side: Side
) -> None:
    said = shared.run(
        side,
        *("-m", "fastchat.serve.test_message", "--model-name", NAME),
        *("--controller-address", our_controller.url, "--message", QUESTION),
    )
    assert f"Models: ['{NAME}']" in said
    assert f"worker_addr: {original_worker.url}" in said
    assert "Paris" in said
