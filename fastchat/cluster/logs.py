"""The folder that the processes write into."""

import os
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage

from fastchat.core.errors import ConfigError

# Less is as good as full: logs and the first downloads would fail soon, with many words.
LEAST_FREE_BYTES = 8 << 20


def log_folder(folder: Path, *, free_bytes: Callable[[Path], int] | None = None) -> Path:
    """The folder, made if it is not there. Raises `ConfigError` when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the log folder {folder} ({error}): set --logdir") from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"the log folder {folder} cannot be written to: set --logdir")
    free = disk_usage(folder).free if free_bytes is None else free_bytes(folder)
    if free < LEAST_FREE_BYTES:
        raise ConfigError(
            f"the disk of the log folder {folder} is full ({free >> 20} MB are free): make room, "
            "or name a folder on another disk with --logdir"
        )
    return folder.absolute()
