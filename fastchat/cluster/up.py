"""`fastchat up`: what the user asked for, as values that a platform is run from."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from fastchat.cluster.board.keyboard import is_ours
from fastchat.cluster.child import Launcher
from fastchat.cluster.detach import DETACHED, UP_LOG, detach
from fastchat.cluster.logs import log_folder
from fastchat.cluster.platform import ModelSpec, Platform, load
from fastchat.cluster.run import Start, run
from fastchat.cluster.state import StateFolder
from fastchat.core.config import flag, state_folder, words
from fastchat.core.errors import ConfigError

KEYS = "FASTCHAT_API_KEYS"
TOKEN = "FASTCHAT_CLUSTER_TOKEN"


@dataclass(frozen=True, kw_only=True)
class UpConfig:
    """Start the whole platform on this machine and keep it running.

    Without a word it serves a small built-in model: a controller on port 21001, a worker on 31000,
    an OpenAI-compatible API on http://127.0.0.1:8000/v1 and a web page on http://127.0.0.1:7860,
    which needs the extra "webui". Models can be named instead, or one
    platform file (its name ends in .toml) for replicas, GPUs, ports and all the rest;
    examples/platform.toml shows every key with its default.

    What dies is started again. In a terminal a table shows the processes; q or Ctrl-C lets running
    requests finish and ends everything, a second Ctrl-C ends it at once. With --detach the platform
    goes on in the background: `fastchat status` shows it, `fastchat down` ends it. API keys come
    from api_keys_file in the platform file or from the environment variable FASTCHAT_API_KEYS;
    without any, everybody who reaches the port is served.
    """

    served: tuple[str, ...] = flag(
        (),
        positional=True,
        metavar="FILE.toml|MODEL",
        help="a platform file, or models: GGUF files, folders with one, built-in names",
    )
    port: int | None = flag(None, help="port of the API server, instead of the file's")
    detach: bool = flag(False, help="start in the background and come back when all is ready")
    plain: bool = flag(False, help="lines instead of a table; always so outside of a terminal")
    logdir: Path | None = flag(
        None,
        help="folder for what the processes write, instead of the file's; "
        "otherwise fastchat/logs in $XDG_STATE_HOME or ~/.local/state",
        env="LOGDIR",
    )

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ConfigError("--port must be a number from 1 to 65535")


def up(
    config: UpConfig, environment: Mapping[str, str], out: TextIO, keyboard: TextIO | None = None
) -> None:
    """Returns when the user has stopped it. Raises `ConfigError` when it cannot start."""
    platform = _platform(config)
    declared = platform.supervisor.logdir
    logdir = log_folder(
        config.logdir
        or (Path(declared).expanduser() if declared else state_folder(environment) / "logs")
    )
    folder = StateFolder(state_folder(environment) / "running")
    if config.detach:
        detach(_words(config, logdir), environment, logdir, folder, out)
        return
    inherited = dict(environment)
    in_background = bool(inherited.pop(DETACHED, ""))
    keys = _keys(platform.api.api_keys_file, inherited.pop(KEYS, ""))
    start = Start(
        platform=without_page(platform, out) if find_spec("gradio") is None else platform,
        launch=Launcher(environment=inherited, logdir=logdir, keys=keys),
        folder=folder,
        token=inherited.get(TOKEN) or None,
        output=logdir / UP_LOG if in_background else None,
    )
    draws = not config.plain and keyboard is not None and can_draw(out, keyboard, inherited)
    asyncio.run(run(start, out, keyboard if draws else None))


def _platform(config: UpConfig) -> Platform:
    platform = declared(config.served)
    if config.port is None:
        return platform
    try:
        return replace(platform, api=replace(platform.api, port=config.port))
    except ValueError as error:
        raise ConfigError(f"--port {config.port}: {error}") from None


def without_page(platform: Platform, out: TextIO) -> Platform:
    """What remains where Gradio is not installed."""
    if platform.page.enabled:
        out.write("No web page: it needs Gradio (pip install 'fschat[webui]').\n")
    return replace(platform, page=replace(platform.page, enabled=False))


def declared(served: Sequence[str]) -> Platform:
    files = [word for word in served if word.lower().endswith(".toml")]
    if files and len(served) > 1:
        raise ConfigError("give one platform file, or models, but not both and not several files")
    if files:
        return load(Path(files[0]))
    if not served:
        return Platform()
    try:
        return Platform(models=tuple(ModelSpec(path=path) for path in served))
    except ValueError as error:
        raise ConfigError(str(error)) from None


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


def _words(config: UpConfig, logdir: Path) -> tuple[str, ...]:
    """The command line again, for the platform in the background."""
    port = () if config.port is None else ("--port", str(config.port))
    return (*port, "--logdir", str(logdir), "--plain", "--", *config.served)


def can_draw(out: TextIO, keyboard: TextIO, environment: Mapping[str, str]) -> bool:
    drawable = out.isatty() and environment.get("TERM", "dumb") not in ("dumb", "unknown")
    letters = (out.encoding or "").lower().replace("-", "") == "utf8"
    return drawable and letters and keyboard.isatty() and is_ours(keyboard)
