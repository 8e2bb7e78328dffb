"""Serve models of other providers: `fastchat provider_worker --register-api-endpoint-file FILE`."""

from fastchat.serve._worker import run_worker
from fastchat.worker.build_provider import build
from fastchat.worker.provider_config import ProviderWorkerConfig


def main() -> None:
    run_worker(ProviderWorkerConfig, "provider_worker", build)


if __name__ == "__main__":
    main()
