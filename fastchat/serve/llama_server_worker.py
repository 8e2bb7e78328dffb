"""Start a worker on llama-server: `python3 -m fastchat.serve.llama_server_worker`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_served import build
from fastchat.worker.served_config import LlamaServerWorkerConfig


def main() -> None:
    run_worker(LlamaServerWorkerConfig, "llama_server_worker", build)


if __name__ == "__main__":
    main()
