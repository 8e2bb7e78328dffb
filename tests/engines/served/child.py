"""A server that stands for an engine: real, slow to start, and it dies when it is told to.

Answers a chat with as many words as it may, one each `PACE` seconds; a prompt that says `die` kills
it in the middle, `oom` after it has said why, `silent` never ends. Standard library only.
"""

import argparse
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="m")
parser.add_argument("--served-model-name", nargs="+", default=["m"])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--start-s", type=float, default=0)
parser.add_argument("--pace-s", type=float, default=0.001)
given = parser.parse_args()
NAP = threading.Event()
RUNNING: set[int] = set()
SEEN: dict[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                self._whole(200, b"")
            case "/metrics":
                self._whole(200, f"vllm:num_requests_running {len(RUNNING)}.0\n".encode())
            case "/seen":
                self._whole(200, json.dumps(SEEN).encode())
            case "/v1/models":
                self._json({"data": [{"id": "m", "max_model_len": 512}]})
            case _:
                self._whole(404, b"")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        SEEN.update(
            {
                "authorization": self.headers["authorization"] or "",
                "traceparent": self.headers["traceparent"] or "",
                "body": json.dumps(asked),
            }
        )
        if self.path == "/tokenize":
            self._json({"tokens": list(range(len(asked.get("prompt", "").split())))})
            return
        text = json.dumps(asked.get("messages") or asked.get("prompt"))
        if "refuse" in text:
            error = {"message": "tools need --enable-auto-tool-choice", "type": "BadRequestError"}
            self._json({"error": error | {"code": 400, "param": "tools"}}, 400)
        elif asked.get("stream"):
            RUNNING.add(threading.get_ident())
            try:
                self._stream(asked, text)
            except ConnectionError:
                self.close_connection = True
            finally:
                RUNNING.discard(threading.get_ident())
        else:
            usage = {"prompt_tokens": 3, "completion_tokens": 1}
            self._json({"choices": [{"message": {"content": "hi"}}], "usage": usage, "extra": 1})

    def _stream(self, asked: dict[str, object], text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        most = int(str(asked.get("max_tokens") or 8))
        for number in range(most):
            if number == 2 and "die" in text:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == 2 and "oom" in text:
                sys.stderr.write("RuntimeError: CUDA out of memory.\n")
                sys.stderr.flush()
                os._exit(1)
            if number == 2 and "broken" in text:
                self._event({"error": {"message": "the engine tripped", "code": 500}})
                return
            while number == 2 and "silent" in text:
                NAP.wait(0.05)
                self._piece(b": still here\n\n")
            finish = "length" if number == most - 1 else None
            delta = {"content": f"w{number} ", "reasoning": "yes"}
            self._event({"choices": [{"delta": delta, "finish_reason": finish}]})
            NAP.wait(given.pace_s)
        options = asked.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage"):
            usage = {"prompt_tokens": 3, "completion_tokens": most}
            self._event({"choices": [], "usage": usage})
        self._piece(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, said: object) -> None:
        self._piece(b"data: " + json.dumps(said).encode() + b"\n\n")

    def _piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _json(self, said: object, status: int = 200) -> None:
        self._whole(status, json.dumps(said).encode())

    def _whole(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if given.model == "refused":
    sys.exit("error: no such model: refused")
NAP.wait(given.start_s)
sys.stdout.write("loading \x1b[31mweights\x1b[0m\n")
sys.stdout.flush()
ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()
