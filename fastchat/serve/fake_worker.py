"""Start a worker without a model, to rehearse: `python3 -m fastchat.serve.fake_worker`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build import build
from fastchat.worker.fake import FakeWorkerConfig


def main() -> None:
    run_worker(FakeWorkerConfig, "fake_worker", build)


if __name__ == "__main__":
    main()
