"""Start one worker for several models: `python3 -m fastchat.serve.multi_model_worker`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_several import build_multi_model
from fastchat.worker.several_config import MultiModelWorkerConfig


def main() -> None:
    run_worker(MultiModelWorkerConfig, "multi_model_worker", build_multi_model)


if __name__ == "__main__":
    main()
