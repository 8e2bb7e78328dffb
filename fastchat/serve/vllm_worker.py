"""Start a worker on vLLM: `python3 -m fastchat.serve.vllm_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import VllmWorkerConfig


def main() -> None:
    run_worker(VllmWorkerConfig, "vllm_worker", build)


if __name__ == "__main__":
    main()
