"""Where and when it was measured: figures mean little without."""

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gateway.cores import Cores


def described(cores: Cores) -> dict[str, str]:
    return {
        "date": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "cores": _shared_out(cores),
        "Python": platform.python_version(),
        "load average": load_average(),
    }


def load_average() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _shared_out(cores: Cores) -> str:
    pair = "share it" if len(cores.pair) == 1 else f"have {_numbers(cores.pair)}"
    return (
        f"gateway on {_numbers(cores.gateway)}, load on {_numbers(cores.load)}; "
        f"two processes (x2) {pair}"
    )


def _numbers(cores: Sequence[int]) -> str:
    return " and ".join(map(str, cores))
