"""Start a worker on LightLLM: `python3 -m fastchat.serve.lightllm_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import LightllmWorkerConfig


def main() -> None:
    run_worker(LightllmWorkerConfig, "lightllm_worker", build)


if __name__ == "__main__":
    main()
