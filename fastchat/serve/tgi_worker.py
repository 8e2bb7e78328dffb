"""Put a TGI server behind a worker: `python3 -m fastchat.serve.tgi_worker --engine-url URL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import TgiWorkerConfig


def main() -> None:
    run_worker(TgiWorkerConfig, "tgi_worker", build)


if __name__ == "__main__":
    main()
