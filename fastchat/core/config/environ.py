"""What the environment says; no other part of the package reads it but the flags' variables."""

import os
from collections.abc import Mapping
from pathlib import Path

from fastchat.core.config.flags import words


def supervisor(environ: Mapping[str, str] = os.environ) -> int | None:
    """The process that started this one and will restart it, if there is one."""
    pid = environ.get("FASTCHAT_SUPERVISED", "")
    return int(pid) if pid.isdecimal() else None


def ssl_files(environ: Mapping[str, str] = os.environ) -> tuple[Path | None, Path | None]:
    """Certificate and key, under the names of 0.2.36."""
    named = (environ.get("SSL_CERTFILE"), environ.get("SSL_KEYFILE"))
    certfile, keyfile = (Path(name) if name else None for name in named)
    return certfile, keyfile


def visible_gpus(environ: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The cards that this process may use, by number or id; None for all of them."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    return None if named is None else words(named)


def notify_socket(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where systemd wants to hear from its service."""
    return environ.get("NOTIFY_SOCKET")


def hand_over(pid: int) -> None:
    """A process of our own stands between the supervisor and what runs here."""
    if supervisor() is not None:
        os.environ["FASTCHAT_SUPERVISED"] = str(pid)


def environment() -> dict[str, str]:
    """A copy of the environment, to be changed and handed to child processes."""
    return dict(os.environ)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where fetched weights are kept: $FASTCHAT_CACHE, or fastchat under $XDG_CACHE_HOME."""
    if chosen := environ.get("FASTCHAT_CACHE"):
        return Path(chosen)
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fastchat"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where logs and other traces of running go: $XDG_STATE_HOME/fastchat."""
    base = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "fastchat"


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what must last is kept: $FASTCHAT_DATA, or fastchat under $XDG_DATA_HOME."""
    if chosen := environ.get("FASTCHAT_DATA"):
        return Path(chosen)
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fastchat"
