"""Client requests, and what each makes an API server send to a worker.

`goldens/bodies.json` holds what the API server of 0.2.36 sent. To renew it, in the environment that
`make check-compat` made:  .venv/bin/python -m tests.compat.bodies
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.compat.processes import processes
from tests.compat.scripted_worker import ScriptedWorker

FILE = Path(__file__).parent / "goldens" / "bodies.json"

Body = dict[str, Any]

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
OLD_CHAT, TOKENS, EMBEDDINGS = "/api/v1/chat/completions", "/api/v1/token_check", "/v1/embeddings"

# The difference between a request that is answered and one that is not.
REFUSED = "refused"

VICUNA, CHATML = "vicuna_v1.1", "OpenHermes-2.5-Mistral-7B"
PICTURE = "data:image/png;base64,aGVsbG8="


def _said(*turns: str) -> list[Body]:
    """A system message, where there is one, comes first and begins with a colon."""
    system = [{"role": "system", "content": turn[1:]} for turn in turns if turn.startswith(":")]
    spoken = [turn for turn in turns if not turn.startswith(":")]
    roles = ("user", "assistant")
    return system + [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(spoken)]


def _chat(model: str = VICUNA, *turns: str, **settings: Any) -> Body:
    return {"model": model, "messages": _said(*(turns or ("Hello!",)))} | settings


def _completion(prompt: object = "Once upon a time", **settings: Any) -> Body:
    return {"model": VICUNA, "prompt": prompt} | settings


# Name: the path and the body that a client sends.
REQUESTS: Mapping[str, tuple[str, Body]] = {
    "chat": (CHAT, _chat()),
    "chat in ChatML": (CHAT, _chat(CHATML)),
    "chat in LLAMA2": (CHAT, _chat("llama-2", ":Be brief.", "Hello!", "Hi.", "Why?")),
    "chat in CHATGLM3": (CHAT, _chat("chatglm3", "Hello!", "Hi.", "Why?")),
    "chat behind an example": (CHAT, _chat("one_shot")),
    "several turns": (CHAT, _chat(CHATML, ":Be brief.", "Hello!", "Hi.", "Why?")),
    "unicode": (CHAT, _chat(CHATML, "Größe 你好 🙂")),
    "streamed": (CHAT, _chat(CHATML, stream=True)),
    "all settings": (
        CHAT,
        _chat(
            temperature=0.25,
            top_p=0.5,
            top_k=40,
            presence_penalty=0.5,
            frequency_penalty=0.25,
            max_tokens=7,
            stop=["END", "\n\n"],
        ),
    ),
    "one stop string": (CHAT, _chat(stop="END")),
    "a stop string beside the template's": (CHAT, _chat("chatglm3", stop=["END"])),
    "greedy": (CHAT, _chat(temperature=0)),
    "more tokens than fit": (CHAT, _chat(max_tokens=1_000_000)),
    "a raw prompt": (CHAT, {"model": VICUNA, "messages": "USER: Hello! ASSISTANT:"}),
    "content in parts": (
        CHAT,
        {
            "model": VICUNA,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}],
        },
    ),
    "a picture": (
        CHAT,
        {
            "model": VICUNA,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look."},
                        {"type": "image_url", "image_url": {"url": PICTURE}},
                    ],
                }
            ],
        },
    ),
    "two system messages": (
        CHAT,
        {
            "model": CHATML,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hello!"},
            ],
            "max_tokens": 9,
        },
    ),
    "two choices": (CHAT, _chat(n=2)),
    "the old chat": (OLD_CHAT, _chat(repetition_penalty=1.25, max_tokens=3)),
    "completion": (COMPLETION, _completion()),
    "streamed completion": (COMPLETION, _completion(stream=True)),
    "two prompts": (COMPLETION, _completion(["One", "Two"], max_tokens=3)),
    "echo": (COMPLETION, _completion(echo=True)),
    "logprobs": (COMPLETION, _completion(logprobs=2)),
    "echo and logprobs": (COMPLETION, _completion(echo=True, logprobs=2)),
    "beams": (COMPLETION, _completion(use_beam_search=True, best_of=2)),
    "all settings of a completion": (
        COMPLETION,
        _completion(
            temperature=0.25,
            top_p=0.5,
            top_k=40,
            presence_penalty=0.5,
            frequency_penalty=0.25,
            max_tokens=7,
            stop="END",
        ),
    ),
    "token check": (
        TOKENS,
        {"prompts": [{"model": VICUNA, "prompt": "one two", "max_tokens": 5}]},
    ),
    "embeddings": (EMBEDDINGS, {"model": VICUNA, "input": ["one", "two"]}),
    "one embedding in base64": (
        EMBEDDINGS,
        {"model": VICUNA, "input": "one", "encoding_format": "base64"},
    ),
}

# The calls that carry what was asked for; the others prepare.
_ASKING = ("/worker_generate", "/worker_generate_stream", "/worker_get_embeddings")


def asked(worker: ScriptedWorker, name: str, api: str) -> dict[str, Any]:
    """Send the request to this API server: its status, and what it asked the worker for."""
    path, body = REQUESTS[name]
    worker.calls.clear()
    status = _post(api + path, body)
    telling = ("/count_token",) if path == TOKENS else _ASKING
    bodies = [_ordered(call.body) for call in worker.calls if call.path in telling]
    return {"status": status, "asked": sorted(bodies, key=lambda body: json.dumps(body))}


def _post(url: str, body: Body) -> int:
    """Streams and plain answers alike, read to their ends."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _ordered(body: Body) -> Body:
    """0.2.36 sends stop strings in any order."""
    if isinstance(body.get("stop"), list):
        return body | {"stop": sorted(body["stop"])}
    return body


def differences(ours: dict[str, Any], original: dict[str, Any]) -> set[str]:
    """The keys that are not the same; what is left out is as good as null on this wire."""
    if ours["status"] != original["status"] or len(ours["asked"]) != len(original["asked"]):
        return {REFUSED}
    return {
        key
        for mine, theirs in zip(ours["asked"], original["asked"], strict=True)
        for key in mine.keys() | theirs.keys()
        if mine.get(key) != theirs.get(key)
    }


def recorded() -> dict[str, Any]:
    """What 0.2.36 did, from the file."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def record(folder: Path) -> dict[str, Any]:
    """What 0.2.36 does, from 0.2.36 itself."""
    with ScriptedWorker.listening() as worker, processes(folder) as started:
        controller = started.controller("original")
        worker.register(controller.url)
        api = started.api("original", controller)
        return {name: asked(worker, name, api.url) for name in REQUESTS}


def main() -> None:
    with TemporaryDirectory() as folder:
        found = record(Path(folder))
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    FILE.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
