"""Start a worker on MLX: `python3 -m fastchat.serve.mlx_worker --model-path MODEL`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import MlxWorkerConfig


def main() -> None:
    run_worker(MlxWorkerConfig, "mlx_worker", build)


if __name__ == "__main__":
    main()
