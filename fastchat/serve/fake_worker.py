"""Start a worker without a model, to rehearse: `python3 -m fastchat.serve.fake_worker`."""

from fastchat.serve import model_worker
from fastchat.worker.fake import FakeWorkerConfig


def main() -> None:
    model_worker.main(FakeWorkerConfig, "fake_worker")


if __name__ == "__main__":
    main()
