"""The recorded templates, prompts and families are what the original says now."""

import json
from pathlib import Path
from shutil import copy

import pytest

from tests.compat.make_goldens import GOLDENS
from tests.compat.processes import Processes

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300, func_only=True)]

SCRIPT = GOLDENS.with_name("make_goldens.py")


@pytest.fixture(scope="module")
def renewed(original: Path, shared: Processes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the script writes beside itself. It wants the original and nothing else: -S
    hides all that is installed, and the package lies beside the script."""
    folder = tmp_path_factory.mktemp("compat")
    (folder / "goldens").mkdir()
    copy(GOLDENS / "model_names.txt", folder / "goldens")
    (package,) = original.parents[1].glob("lib/python3*/site-packages/fastchat")
    (folder / "fastchat").symlink_to(package)
    shared.run("original", "-S", str(copy(SCRIPT, folder)))
    return folder / "goldens"


@pytest.mark.parametrize("name", ["templates.json", "prompts.json", "families.json"])
def test_a_golden_file_is_what_the_original_says(renewed: Path, name: str) -> None:
    assert json.loads((renewed / name).read_text("utf-8")) == json.loads(
        (GOLDENS / name).read_text("utf-8")
    )
