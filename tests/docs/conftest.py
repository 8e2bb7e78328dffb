"""Somebody who reads the documentation beside a running platform and types what it says."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastchat.core.config import cache_folder
from tests.docs.blocks import ROOT
from tests.running import RunningPlatform


@dataclass(frozen=True, kw_only=True)
class Reader:
    """`ports` leads from the documented port to the one in use; `environ` is all that is set."""

    ports: Mapping[int, int]
    environ: Mapping[str, str]
    folder: Path

    def types(self, code: str) -> str:
        numbers = "|".join(map(str, self.ports))
        return re.sub(rf"\b({numbers})\b", lambda found: str(self.ports[int(found[0])]), code)


@pytest.fixture(scope="session")
def reader(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "home").mkdir()
    environ = {name: value for name, value in os.environ.items() if name.startswith("PIP_")} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "FASTCHAT_CACHE": str(cache_folder()),
    }
    return Reader(ports=platform.ports, environ=environ, folder=_checkout(folder / "fastchat"))


def _checkout(folder: Path) -> Path:
    """The repository as a reader has it: what a block writes beside the files stays out of it."""
    folder.mkdir()
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder
