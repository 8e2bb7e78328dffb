"""A run of the shortest kind: `make bench-transformers` knows a manager from the inside."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORTEST = ("--rounds", "1", "--tokens", "4", "--streams", "1", "2", "--mixed", "8")

pytestmark = pytest.mark.transformers


def test_the_engine_is_measured_beside_the_bare_manager_and_plain_generate() -> None:
    command = (sys.executable, "-m", "benchmarks.transformers", *SHORTEST)
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "plain generate's tok/s" in ran.stdout
    assert "everything free after" in ran.stdout
    assert "2 streams against 1" in ran.stdout
