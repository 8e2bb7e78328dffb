"""What a check found, and what every check is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastchat.core.config import flag
from fastchat.core.values import http_url
from fastchat.engines import ENGINES
from fastchat.engines.served import ROWS

Level = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault is what keeps something from working; a note may be meant so."""

    level: Level
    what: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """Look at what is installed and set up here, and say what is wrong and what to do.

    It looks whether versions fit together, cards answer, ports are free and disks have room; if the
    controller, every worker on its list and the API server can be reached from here; and if the API
    server knows the controller's models. Ends with status 1 when it found a fault. With --engine it
    looks at that engine only: whether it is installed, which versions, what is missing, and what a
    worker would run.

    Examples:

        fastchat doctor
        fastchat doctor --engine vllm --engine-python ~/vllm
        fastchat doctor --engine openai --engine-url http://gpu7:8000
    """

    engine: str | None = flag(
        None, help="look at this engine only", choices=lambda: [*ENGINES.names(), *ROWS]
    )
    engine_python: Path | None = flag(
        None,
        help="interpreter, or environment, that the engine is installed in (default: this one)",
        names=("--engine-venv",),
        metavar="PATH",
    )
    engine_url: str | None = flag(
        None, help="the engine runs already, at this address", metavar="URL", parse=http_url
    )
    engine_key: str | None = flag(
        None, help="API key that such an engine wants", env="FASTCHAT_ENGINE_KEY", secret=True
    )
    controller_address: str | None = flag(
        None,
        help="controller of the platform that is looked at (default: http://localhost:21001, if "
        "there is one)",
        names=("--controller",),
        metavar="URL",
        parse=http_url,
    )
    api_address: str | None = flag(
        None,
        help="API server of that platform (default: http://localhost:8000, if there is one)",
        names=("--api",),
        metavar="URL",
        parse=http_url,
    )
    cluster_token: str | None = flag(
        None, help="its cluster token", env="FASTCHAT_CLUSTER_TOKEN", secret=True
    )
    model_path: str = flag("MODEL", help="the model of the command that is shown")


Check = Callable[[DoctorConfig], Iterable[Finding]]
"""Raises nothing for what it finds wrong."""
