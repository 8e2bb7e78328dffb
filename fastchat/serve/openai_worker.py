"""Put any server behind a worker: `python3 -m fastchat.serve.openai_worker --engine-url URL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import OpenaiWorkerConfig


def main() -> None:
    run_worker(OpenaiWorkerConfig, "openai_worker", build)


if __name__ == "__main__":
    main()
