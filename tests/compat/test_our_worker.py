"""A worker of ours with real weights below a controller of 0.2.36."""

from collections.abc import Mapping

import pytest

from tests.compat.processes import NAME, SIDES, TEMPLATE, Processes, Server, Side, question
from tests.compat.questions import QUESTION, events, text_of
from tests.running import ask

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300, func_only=True)]

Apis = Mapping[Side, Server]


@pytest.fixture(scope="module")
def apis(shared: Processes, original_controller: Server, our_worker: Server) -> Apis:
    return {side: shared.api(side, original_controller) for side in SIDES}


@pytest.mark.parametrize("side", SIDES)
def test_the_model_is_listed(apis: Apis, side: Side) -> None:
    """The original asks the worker for its status each time."""
    listed = ask(f"{apis[side].url}/v1/models")[1]
    assert [card["id"] for card in listed["data"]] == [NAME]


@pytest.mark.parametrize("side", SIDES)
def test_a_chat_is_answered(apis: Apis, side: Side) -> None:
    status, answer = apis[side].chat(QUESTION)
    assert status == 200
    assert "Paris" in answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("side", SIDES)
def test_a_chat_without_a_limit_keeps_its_whole_prompt(apis: Apis, side: Side) -> None:
    """A worker of 0.2.36 lost the first token of it."""
    limited = apis[side].chat(QUESTION)[1]["usage"]["prompt_tokens"]
    assert apis[side].chat(QUESTION, max_tokens=None)[1]["usage"]["prompt_tokens"] == limited


@pytest.mark.parametrize("side", SIDES)
def test_a_limit_is_reached_exactly(apis: Apis, side: Side) -> None:
    """A worker of 0.2.36 counted one token too few."""
    answer = apis[side].chat("Tell me a long story.", max_tokens=5)[1]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize("side", SIDES)
def test_a_streamed_chat_is_the_whole_one_in_pieces(apis: Apis, side: Side) -> None:
    whole = apis[side].chat(QUESTION)[1]["choices"][0]["message"]["content"]
    streamed = events(apis[side], "/v1/chat/completions", question(QUESTION))
    assert text_of(streamed) == whole
    assert streamed[-1]["choices"][0]["finish_reason"] in ("stop", "length")


@pytest.mark.parametrize("side", SIDES)
def test_several_choices_are_streamed(apis: Apis, side: Side) -> None:
    body = question("Say hello.", n=2, max_tokens=4)
    choices = [event["choices"][0] for event in events(apis[side], "/v1/chat/completions", body)]
    assert {choice["index"] for choice in choices} == {0, 1}


@pytest.mark.parametrize("side", SIDES)
def test_a_completion_is_answered(apis: Apis, side: Side) -> None:
    body = {"model": NAME, "prompt": "One, two, three,", "temperature": 0, "max_tokens": 4}
    status, answer = ask(f"{apis[side].url}/v1/completions", body)
    assert (status, answer["object"]) == (200, "text_completion")
    assert "four" in answer["choices"][0]["text"]
    assert text_of(events(apis[side], "/v1/completions", body)) == answer["choices"][0]["text"]


@pytest.mark.parametrize("side", SIDES)
def test_a_completion_repeats_its_prompt_when_asked_to(apis: Apis, side: Side) -> None:
    body = {"model": NAME, "prompt": "One, two,", "temperature": 0, "max_tokens": 2, "echo": True}
    text = ask(f"{apis[side].url}/v1/completions", body)[1]["choices"][0]["text"]
    assert text.startswith("One, two,")


@pytest.mark.parametrize("side", SIDES)
def test_a_stop_string_ends_the_answer(apis: Apis, side: Side) -> None:
    answer = apis[side].chat(QUESTION, stop=["Paris"])[1]["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert "Paris" not in answer["message"]["content"]


@pytest.mark.parametrize("side", SIDES)
def test_tokens_are_counted(apis: Apis, side: Side) -> None:
    prompts = [{"model": NAME, "prompt": "one two three", "max_tokens": 5}]
    status, answer = ask(f"{apis[side].url}/api/v1/token_check", {"prompts": prompts})
    assert status == 200
    assert answer["prompts"][0]["tokenCount"] == 3
    assert answer["prompts"][0]["fits"] is True


def test_a_prompt_over_the_context_is_refused_by_the_original(apis: Apis) -> None:
    """It asks our worker for the count and the context, and does the sum."""
    status, answer = apis["original"].chat("word " * 9000)
    assert (status, answer["code"]) == (400, 40303)


@pytest.mark.parametrize("side", SIDES)
def test_an_error_of_the_worker_arrives(apis: Apis, side: Side) -> None:
    """The API server of 0.2.36 sends on what it does not know; this model has no beams."""
    body = {"model": NAME, "prompt": "One,", "use_beam_search": True}
    status, answer = ask(f"{apis[side].url}/v1/completions", body)
    assert (status, answer["code"]) == (400, 40001)
    assert "use_beam_search" in answer["message"]


def test_the_worker_announces_the_template_it_was_given(our_worker: Server) -> None:
    conv = ask(f"{our_worker.url}/worker_get_conv_template", {"model": NAME})[1]["conv"]
    assert (conv["name"], conv["sep_style"]) == (TEMPLATE, 9)


@pytest.mark.parametrize("side", SIDES)
def test_the_test_message_of_either_side_arrives(
    shared: Processes, original_controller: Server, our_worker: Server, side: Side
) -> None:
    said = shared.run(
        side,
        *("-m", "fastchat.serve.test_message", "--model-name", NAME),
        *("--controller-address", original_controller.url, "--message", QUESTION),
    )
    assert f"worker_addr: {our_worker.url}" in said
    assert "Paris" in said
