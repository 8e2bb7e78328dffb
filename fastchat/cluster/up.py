"""`fastchat up`: from the platform file to running processes, until Ctrl-C."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from fastchat.cluster.child import Launcher
from fastchat.cluster.fetch import fetch_weights
from fastchat.cluster.keeper import Patience, Surroundings
from fastchat.cluster.plan import ProcessSpec, plan
from fastchat.cluster.platform import Platform, load
from fastchat.cluster.ports import check_ports
from fastchat.cluster.probe import HttpProbe
from fastchat.cluster.report import Narrator, Report, welcome
from fastchat.cluster.supervisor import Supervisor
from fastchat.core.config import flag, state_folder, words
from fastchat.core.errors import ConfigError

KEYS = "FASTCHAT_API_KEYS"


@dataclass(frozen=True, kw_only=True)
class UpConfig:
    """Start the whole platform on this machine and keep it running.

    Without a file it serves a small built-in model: a controller on port 21001, a worker on 31000
    and an OpenAI-compatible API on http://127.0.0.1:8000/v1. A platform file names other models,
    replicas, GPUs and ports; examples/platform.toml shows every key with its default.

    What dies is started again. Ctrl-C lets running requests finish and ends everything; a second
    Ctrl-C ends it at once. API keys come from api_keys_file in the platform file or from the
    environment variable FASTCHAT_API_KEYS; without any, everybody who reaches the port is served.
    """

    platform: Path | None = flag(
        None, positional=True, metavar="platform.toml", help="file that describes the platform"
    )
    port: int | None = flag(None, help="port of the API server, instead of the file's")
    logdir: Path | None = flag(
        None,
        help="folder for what the processes write, instead of the file's; "
        "otherwise fastchat/logs in $XDG_STATE_HOME or ~/.local/state",
        env="LOGDIR",
    )

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ConfigError("--port must be a number from 1 to 65535")


def up(config: UpConfig, environment: Mapping[str, str], out: TextIO) -> None:
    """Returns when the user has stopped it. Raises `ConfigError` when it cannot start."""
    platform = _platform(config)
    inherited = dict(environment)
    keys = _keys(platform.api.api_keys_file, inherited.pop(KEYS, ""))
    launch = Launcher(environment=inherited, logdir=_logdir(config, platform), keys=keys)
    asyncio.run(_run(platform, launch, Report(out, clock=time.monotonic)))


async def _run(platform: Platform, launch: Launcher, report: Report) -> None:
    specs = plan(platform)
    check_ports(specs)
    stop = asyncio.Event()
    async with HttpProbe() as probe:
        around = Surroundings(
            launch=launch,
            probe=probe,
            observe=Narrator(report, specs, welcome=_welcome(platform, specs, launch)),
            patience=Patience(
                silent_s=platform.supervisor.silent_s, grace_s=platform.supervisor.grace_s
            ),
        )
        supervisor = Supervisor(specs, around)
        _on_signals(partial(_interrupt, stop, supervisor, report))
        if await fetch_weights(_weights(platform), report, stop):
            report.line(f"Starting {len(specs)} processes")
            await supervisor.run(stop)
    report.line("Stopped.")


def _weights(platform: Platform) -> list[str]:
    return [model.path for model in platform.models if model.has_weights]


def _platform(config: UpConfig) -> Platform:
    platform = Platform() if config.platform is None else load(config.platform)
    if config.port is None:
        return platform
    try:
        return replace(platform, api=replace(platform.api, port=config.port))
    except ValueError as error:
        raise ConfigError(f"--port {config.port}: {error}") from None


def _logdir(config: UpConfig, platform: Platform) -> Path:
    declared = platform.supervisor.logdir
    logdir = config.logdir or (Path(declared).expanduser() if declared else state_folder() / "logs")
    try:
        logdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the log folder {logdir} ({error}): set --logdir") from None
    return logdir.absolute()


def _keys(file: str | None, given: str) -> str:
    """The text of a key file: the keys of the file and those of the environment."""
    if file is None:
        return given
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read api_keys_file {file} in [api]: {error}") from None
    if not words(text):
        raise ConfigError(f"api_keys_file {file} in [api] is empty: write a key into it")
    return f"{text}\n{given}"


def _welcome(platform: Platform, specs: Sequence[ProcessSpec], launch: Launcher) -> str:
    names = dict.fromkeys(name for model in platform.models for name in model.served_names)
    return welcome(specs, list(names), launch.logdir, key=bool(launch.keys))


def _interrupt(stop: asyncio.Event, supervisor: Supervisor, report: Report) -> None:
    if stop.is_set():
        supervisor.kill()
    else:
        report.line("Stopping; Ctrl-C again ends everything at once.")
        stop.set()


def _on_signals(interrupt: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asks to live on
        loop.add_signal_handler(signal.SIGHUP, interrupt)
