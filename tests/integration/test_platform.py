"""The whole platform from outside: plain HTTP, raw sockets, signals, log files."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from typing import Any
from urllib.request import urlopen

import pytest

from tests.exposition import Told
from tests.running import API, MODEL, RunningPlatform, answers, ask, post, raw

QUESTION = [{"role": "user", "content": "Which city is the capital of France?"}]
CHAT: dict[str, Any] = {"model": MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 5}


def queue_length(platform: RunningPlatform) -> float:
    return float(ask(f"{platform.worker}/worker_get_status", {})[1]["queue_length"])


def until(condition: Any, seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        signal.sigtimedwait([], 0.05)
    raise AssertionError("it did not come true")


def test_the_models_are_listed(platform: RunningPlatform) -> None:
    listed = raw(
        platform.ports[API], b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    assert listed.startswith(b"HTTP/1.1 200 OK\r\n")
    card = json.loads(listed.partition(b"\r\n\r\n")[2])["data"][0]
    assert (card["id"], card["owned_by"], card["root"]) == (MODEL, "fastchat", MODEL)


def test_a_chat_over_a_raw_socket(platform: RunningPlatform) -> None:
    head, _, body = post(platform.ports[API], json.dumps(CHAT).encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    answer = json.loads(body)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_a_stream_over_a_raw_socket_ends_with_done(platform: RunningPlatform) -> None:
    received = post(platform.ports[API], json.dumps(CHAT | {"stream": True}).encode())
    assert b"transfer-encoding: chunked" in received
    events = re.findall(rb"data: (.*)\n\n", received)
    assert events[-1] == b"[DONE]"
    assert events.count(b"[DONE]") == 1
    chunks = [json.loads(event) for event in events[:-1]]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_a_client_that_hangs_up_frees_the_engine(platform: RunningPlatform) -> None:
    body = json.dumps(CHAT | {"stream": True, "max_tokens": 4000}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", platform.ports[API]), timeout=60) as connection:
        connection.sendall(head % len(body) + body)
        connection.recv(100)
        assert queue_length(platform) == 1
    until(lambda: queue_length(platform) == 0)


BAD = {
    "not JSON": b"{",
    "not an object": b"[]",
    "empty": b"",
    "NaN": b'{"model": "%s", "messages": [], "temperature": NaN}',
    "infinite": b'{"model": "%s", "messages": [], "temperature": 1e999}',
    "bad UTF-8": b'{"model": "%s", "messages": [{"role": "user", "content": "\xff"}]}',
    "lone surrogate": b'{"model": "%s", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "wrong type": b'{"model": "%s", "messages": 7}',
    "no messages": b'{"model": "%s", "messages": []}',
    "unknown role": b'{"model": "%s", "messages": [{"role": "wizard", "content": "x"}]}',
    "unknown model": b'{"model": "%sx", "messages": [{"role": "user", "content": "x"}]}',
    "deep": b'{"model": "%s", "messages": ' + b"[" * 100_000,
    "tools": b'{"model": "%s", "messages": [{"role": "user", "content": "x"}], "tools": [{}]}',
}


@pytest.fixture
def settled(platform: RunningPlatform) -> None:
    """A controller that has just started may not have heard of all models yet: that is 503."""
    body = BAD["unknown model"].replace(b"%s", MODEL.encode())
    until(lambda: b" 404 " in post(platform.ports[API], body).partition(b"\r\n")[0])


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_told_in_the_openai_shape(
    platform: RunningPlatform, kind: str, stream: bool
) -> None:
    body = BAD[kind].replace(b"%s", MODEL.encode())
    if stream:
        body = body.replace(b'"messages"', b'"stream": true, "messages"')
    for _ in range(5):
        head, _, answer = post(platform.ports[API], body).partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1.1 4\d\d ", head), head
        assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}
    assert queue_length(platform) == 0


def test_a_huge_body_is_refused_unread(platform: RunningPlatform) -> None:
    """The client declares 100 MB and sends 1 MB: the answer must not wait for the rest."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n"
    received = raw(platform.ports[API], head + b"x" * 1_000_000)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"code":40001' in received


def test_a_prompt_over_the_context_is_refused_with_the_numbers(platform: RunningPlatform) -> None:
    status, answer = ask(
        f"{platform.api}/v1/chat/completions",
        CHAT | {"messages": [{"role": "user", "content": "word " * 20_000}]},
    )
    assert (status, answer["error"]["code"]) == (400, 40303)
    assert re.search(r"maximum context length is \d+ tokens", answer["error"]["message"])


def test_the_old_additions_work(platform: RunningPlatform) -> None:
    chat = CHAT | {"repetition_penalty": 1.1}
    status, answer = ask(f"{platform.api}/api/v1/chat/completions", chat)
    assert (status, answer["object"]) == (200, "chat.completion")
    checks = {"prompts": [{"model": MODEL, "prompt": "one two three", "max_tokens": 5}]}
    check = ask(f"{platform.api}/api/v1/token_check", checks)[1]["prompts"][0]
    assert check["fits"] is True
    assert check["tokenCount"] == 3


def test_the_old_wire_streams_the_whole_text(platform: RunningPlatform) -> None:
    conv = ask(f"{platform.worker}/worker_get_conv_template", {"model": MODEL})[1]["conv"]
    assert conv["roles"] == ["<|im_start|>user", "<|im_start|>assistant"]
    told = subprocess.run(
        [
            *(sys.executable, "-m", "fastchat.serve.test_message", "--model-name", MODEL),
            *("--controller-address", platform.controller),
            *("--message", "Which city is the capital of France?"),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    assert f"Models: ['{MODEL}']" in told
    assert f"worker_addr: {platform.worker}" in told
    assert "<|im_start|>assistant: " in told
    assert "Paris" in told


def test_the_trouble_shooting_paths_of_the_guide(platform: RunningPlatform) -> None:
    assert ask(f"{platform.controller}/test_connection") == (200, "success")
    status = ask(f"{platform.worker}/worker_get_status", {})[1]
    assert status["model_names"] == [MODEL]


def test_the_logs_show_what_the_guide_promises(platform: RunningPlatform) -> None:
    ask(f"{platform.api}/v1/chat/completions", CHAT)
    registered = f"Register done: {platform.worker}, {{'model_names': ['{MODEL}'], 'speed': 1"
    controller = platform.logdir / "controller.log"
    (worker,) = platform.logdir.glob("model_worker_*.log")
    assert registered in controller.read_text()
    assert registered in worker.read_text()
    assert f"Loading the model {MODEL} on worker " in worker.read_text()
    assert "Register to controller" in worker.read_text()
    assert "Uvicorn running on http://127.0.0.1:" in controller.read_text()
    line = f"get_worker_address names: ['{platform.worker}'], queue_lens: ["
    until(lambda: line in controller.read_text())


def test_every_server_tells_its_figures(platform: RunningPlatform) -> None:
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    assert ask(f"{platform.api}/v1/chat/completions", chat)[0] == 200
    api, worker, controller = (
        Told(urlopen(f"{url}/metrics", timeout=30).read().decode())
        for url in (platform.api, platform.worker, platform.controller)
    )
    assert api.value("gateway_completion_tokens_total", model=MODEL, key="") >= 4
    assert worker.value("worker_completion_tokens_total") >= 4
    assert controller.value("controller_model_workers", model=MODEL) == 1


def test_a_killed_worker_comes_back_by_itself(platform: RunningPlatform) -> None:
    killed = platform.pid_of("model_worker")
    os.kill(killed, signal.SIGKILL)
    until(lambda: not answers(f"{platform.worker}/ready"))
    until(lambda: ask(f"{platform.api}/v1/chat/completions", CHAT)[0] == 200)
    assert platform.pid_of("model_worker") != killed


def test_a_killed_controller_comes_back_and_knows_its_workers(platform: RunningPlatform) -> None:
    os.kill(platform.pid_of("controller"), signal.SIGKILL)
    until(lambda: answers(f"{platform.controller}/test_connection"))
    assert ask(f"{platform.api}/v1/chat/completions", CHAT)[0] == 200
    until(lambda: ask(f"{platform.controller}/list_models", {})[1]["models"] == [MODEL])
