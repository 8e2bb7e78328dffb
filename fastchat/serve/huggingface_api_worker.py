"""Serve Hugging Face endpoints: `python3 -m fastchat.serve.huggingface_api_worker`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_several import build_huggingface
from fastchat.worker.several_config import HuggingfaceApiWorkerConfig


def main() -> None:
    run_worker(HuggingfaceApiWorkerConfig, "huggingface_api_worker", build_huggingface)


if __name__ == "__main__":
    main()
