"""Start a worker: `python3 -m fastchat.serve.model_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build import build
from fastchat.worker.config import WorkerConfig


def main() -> None:
    run_worker(WorkerConfig, "model_worker", build)


if __name__ == "__main__":
    main()
