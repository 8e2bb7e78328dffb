"""A worker of the wire of 0.2.36 without a model: it writes down every call and says `w0 w1 w2 …`.

It knows nothing of this package, so that both sides meet the same stranger. Its models are named
like the templates that it announces for them; a token is a word.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.running import ask

TEMPLATES = json.loads((Path(__file__).parent / "goldens" / "templates.json").read_text("utf-8"))[
    "templates"
]
MODELS = ("vicuna_v1.1", "OpenHermes-2.5-Mistral-7B", "llama-2", "one_shot", "chatglm3")
WORDS = 4
CONTEXT_LENGTH = 2048

Body = dict[str, Any]


@dataclass(frozen=True)
class Call:
    path: str
    body: Body


@dataclass
class ScriptedWorker:
    """`template_of` may be changed while it runs, as by a restart with another template."""

    url: str = ""
    template_of: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator["ScriptedWorker"]:
        worker = cls()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(worker))
        worker.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield worker
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def register(self, controller_url: str) -> None:
        status = {"model_names": list(MODELS), "speed": 1, "queue_length": 0}
        registration = {
            "worker_name": self.url,
            "check_heart_beat": True,
            "worker_status": status,
            "multimodal": False,
        }
        assert ask(f"{controller_url}/register_worker", registration) == (200, None)

    def answer(self, path: str, body: Body) -> list[Body] | Body | None:
        """One object, the messages of a stream, or nothing for a path that is not there."""
        self.calls.append(Call(path, body))
        match path:
            case "/worker_get_status":
                return {"model_names": list(MODELS), "speed": 1, "queue_length": 0}
            case "/worker_get_conv_template":
                return {"conv": self._template(body["model"])}
            case "/model_details":
                return {"context_length": CONTEXT_LENGTH}
            case "/count_token":
                return {"count": len(body["prompt"].split()), "error_code": 0}
            case "/worker_get_embeddings":
                return {"embedding": [[0.6, 0.8]] * len(body["input"]), "token_num": 3}
            case "/worker_generate":
                return _messages(body)[-1]
            case "/worker_generate_stream":
                return _messages(body)
        return None

    def _template(self, model: str) -> Body:
        template: Body = TEMPLATES[self.template_of.get(model, model)]
        return template


def _messages(body: Body) -> list[Body]:
    """What 0.2.36 sends: the whole text each time, and at the end the same text once more."""
    count = min(WORDS, body["max_new_tokens"])
    texts = [" ".join(f"w{i}" for i in range(n)) for n in range(1, count + 1)]
    echo = body["prompt"] if body.get("echo", True) else ""
    prompt_tokens = len(body["prompt"].split())
    messages: list[Body] = [
        {
            "text": echo + text,
            "error_code": 0,
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": n,
                "total_tokens": prompt_tokens + n,
            },
            "finish_reason": None,
            "logprobs": None,
        }
        for n, text in enumerate(texts, 1)
    ]
    reason = "stop" if count == WORDS else "length"
    return [*messages, messages[-1] | {"finish_reason": reason}]


def _handler(worker: ScriptedWorker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            answer = worker.answer(self.path, json.loads(self.rfile.read(length) or b"null") or {})
            if isinstance(answer, list):
                self._stream(answer)
            else:
                self._whole(answer)

        def handle(self) -> None:
            with suppress(ConnectionError):  # a caller may leave when it has heard enough
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _whole(self, answer: Body | None) -> None:
            body = json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, messages: list[Body]) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for message in messages:
                piece = json.dumps(message).encode() + b"\0"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

    return Handler
