"""Calls to a worker, and what a worker of 0.2.36 with real weights answered.

`goldens/exchanges.json` holds the answers. To renew it, in the environment that `make check-compat`
made:  .venv/bin/python -m tests.compat.exchanges FOLDER_OF_THE_WEIGHTS
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.compat.processes import Server, Side, processes

FILE = Path(__file__).parent / "goldens" / "exchanges.json"

PROMPT = "<|im_start|>user\nWhich city is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
_GENERATE = {"prompt": PROMPT, "temperature": 0, "max_new_tokens": 6, "echo": False}

# Name: the path and the body, to which the model's name is added.
CALLS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "status": ("/worker_get_status", {}),
    "template": ("/worker_get_conv_template", {}),
    "details": ("/model_details", {}),
    "count": ("/count_token", {"prompt": PROMPT}),
    "count nothing": ("/count_token", {"prompt": ""}),
    "generate": ("/worker_generate", _GENERATE),
    "stream": ("/worker_generate_stream", _GENERATE),
    "stream to the end": ("/worker_generate_stream", _GENERATE | {"max_new_tokens": 40}),
    "echo": ("/worker_generate", _GENERATE | {"echo": True}),
    "logprobs": ("/worker_generate", _GENERATE | {"logprobs": 1}),
    "stop string": ("/worker_generate", _GENERATE | {"stop": ["Paris"]}),
    "stop token": ("/worker_generate", _GENERATE | {"stop_token_ids": [7042]}),
    "two choices": ("/worker_generate", _GENERATE | {"n": 2}),
    "as test_throughput asks": (
        "/worker_generate_stream",
        {"prompt": PROMPT, "temperature": 0.0, "max_new_tokens": 4},
    ),
    "no such path": ("/worker_do_magic", {}),
}


def called(worker: str, model: str, name: str) -> dict[str, Any]:
    """Status and answer: a JSON value, or for a stream the list of its messages."""
    path, body = CALLS[name]
    data = json.dumps({"model": model} | body).encode()
    request = urllib.request.Request(worker + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return {"status": answer.status, "answer": _read(answer.read())}
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, "answer": _read(error.read())}


def _read(body: bytes) -> Any:
    if b"\0" not in body:
        return json.loads(body)
    assert body.endswith(b"\0")
    return [json.loads(message) for message in body.split(b"\0")[:-1]]


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def record(worker: Server, model: str) -> dict[str, Any]:
    return {name: called(worker.url, model, name) for name in CALLS}


def main() -> None:
    with TemporaryDirectory() as folder:
        weights: dict[Side, Path] = {"original": Path(sys.argv[1]).resolve()}
        with processes(Path(folder), weights) as started:
            worker = started.worker("original", started.controller("original"))
            found = record(worker, "smollm2")
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    FILE.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
