"""Ask a model several things at once: `python3 -m fastchat.serve.test_throughput --n-thread 8`."""

import asyncio
import time

from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail
from fastchat.terminal.throughput import ThroughputConfig, run


def main() -> None:
    config = begin(ThroughputConfig, "test_throughput")
    try:
        asyncio.run(run(config, time.perf_counter))
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
