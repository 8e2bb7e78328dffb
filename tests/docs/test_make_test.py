"""`make test`: a test cannot run what runs it, but it can see that CI runs it."""

import os
import subprocess
import tomllib

from tests.docs.blocks import documented_blocks
from tests.running import ROOT


def would_run(target: str) -> str:
    """Every command that make would run, itself called with nothing to do."""
    theirs = ("MAKE", "MFLAGS", "COVERAGE")  # what a make that runs these tests hands on
    environ = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_block_names_what_ci_runs() -> None:
    (block,) = [block for block in documented_blocks() if block.code.strip() == "make test"]
    assert block.page == "README.md"
    (tests,) = [line for line in would_run("test").splitlines() if "/pytest -n " in line]
    assert f"{tests.rstrip()} --cov" in would_run("check").splitlines()
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "run check" in lines
    (suites,) = [line for line in lines if line.startswith("SUITES=")]
    assert "check-install" in suites


def test_it_leaves_out_only_what_says_so() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    options = settings["tool"]["pytest"]["addopts"]
    assert options[options.index("-m") + 1] == (
        "not (gpu or engines or install or compat or pages or faults or ops or transformers "
        "or storage or arena or conformance or templates or gptq)"
    )
    (others,) = [line for line in would_run("check-install").splitlines() if "/pytest" in line]
    assert others.endswith("pytest -m install")
