from pathlib import Path

import pytest

from fastchat.cluster.logs import log_folder
from fastchat.core.errors import ConfigError


def test_the_folder_is_made(tmp_path: Path) -> None:
    assert log_folder(tmp_path / "a" / "b").is_dir()


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is full \(3 MB are free\): make room, or"):
        log_folder(tmp_path, free_bytes=lambda _: 3 << 20)
