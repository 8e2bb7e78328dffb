"""The two install lines of the guide, from what this clone builds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastchat
from tests.running import ROOT

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

EXTRAS = "[model_worker,webui]"


def run(*command: str | Path, cwd: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    return tmp_path / "env" / "bin" / "python"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, cwd=folder)
    return folder


def check(python: Path, folder: Path) -> None:
    """As the guide does, and that the engine and the templates came along."""
    said = run(python, "-c", "import fastchat; print(fastchat.__version__)", cwd=folder)
    assert said == f"{fastchat.__version__}\n"
    assert "model_worker" in run(python.with_name("fastchat"), "--help", cwd=folder)
    run(python, "-c", "import xllamacpp", cwd=folder)
    count = "from fastchat.conversation import conv_templates; print(len(conv_templates))"
    assert run(python, "-c", count, cwd=folder) == "83\n"


def test_the_package_installs_with_its_extras(python: Path, wheels: Path, tmp_path: Path) -> None:
    """The name on the public index is the original's, so the version is asked for."""
    wanted = f"fschat{EXTRAS}=={fastchat.__version__}"
    pip = (python, "-m", "pip", "install", "-q", "--only-binary=:all:")
    run(*pip, "--find-links", wheels, "-c", ROOT / "constraints.txt", wanted, cwd=tmp_path)
    check(python, tmp_path)


def test_a_clone_installs_in_place(python: Path, tmp_path: Path) -> None:
    clone = tmp_path / "fastchat"
    run("git", "clone", "-q", ROOT, clone, cwd=tmp_path)
    pip = (python, "-m", "pip", "install", "-q", "-c", "constraints.txt")
    run(*pip, "-e", f".{EXTRAS}", cwd=clone)
    check(python, tmp_path)
