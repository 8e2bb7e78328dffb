"""The recorded templates, prompts and families are what the original says now."""

import json
from pathlib import Path
from shutil import copy

import pytest

from tests.compat.make_goldens import GOLDENS
from tests.compat.processes import Processes

pytestmark = pytest.mark.compat

SCRIPT = GOLDENS.with_name("make_goldens.py")


@pytest.fixture(scope="module")
def renewed(shared: Processes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the script writes beside itself."""
    folder = tmp_path_factory.mktemp("compat")
    (folder / "goldens").mkdir()
    copy(GOLDENS / "model_names.txt", folder / "goldens")
    shared.run("original", str(copy(SCRIPT, folder)))
    return folder / "goldens"


@pytest.mark.parametrize("name", ["templates.json", "prompts.json", "families.json"])
def test_a_golden_file_is_what_the_original_says(renewed: Path, name: str) -> None:
    assert json.loads((renewed / name).read_text("utf-8")) == json.loads(
        (GOLDENS / name).read_text("utf-8")
    )
