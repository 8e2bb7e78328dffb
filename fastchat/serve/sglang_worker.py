"""Start a worker on SGLang: `python3 -m fastchat.serve.sglang_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import SglangWorkerConfig


def main() -> None:
    run_worker(SglangWorkerConfig, "sglang_worker", build)


if __name__ == "__main__":
    main()
