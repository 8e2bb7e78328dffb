"""Start a worker on LMDeploy: `python3 -m fastchat.serve.lmdeploy_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import LmdeployWorkerConfig


def main() -> None:
    run_worker(LmdeployWorkerConfig, "lmdeploy_worker", build)


if __name__ == "__main__":
    main()
