"""Every block of the README and of the pages runs as it is printed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, documented_blocks
from tests.docs.conftest import Reader

BLOCK_TIMEOUT_S = 100


def _parameter(block: Block) -> object:
    if block.not_run is None:
        return pytest.param(block, id=str(block))
    reason = f"{block} is not run: {block.not_run}"
    return pytest.param(block, id=str(block), marks=pytest.mark.skip(reason=reason))


HERE = [block for block in documented_blocks() if block.run_by is None]
ELSEWHERE = [block for block in documented_blocks() if block.run_by is not None]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("block", [_parameter(block) for block in HERE])
def test_a_block_runs_as_printed(block: Block, reader: Reader, tmp_path: Path) -> None:
    status, output = _run(block, reader, tmp_path)
    assert status == 0, f"{block} ended with status {status}:\n{output}"


@pytest.mark.parametrize("block", ELSEWHERE, ids=str)
def test_a_block_that_another_test_runs_is_named_there(block: Block) -> None:
    assert block.run_by is not None
    assert f'"{block.code.strip()}"' in (ROOT / block.run_by).read_text(encoding="utf-8")


def test_no_block_of_the_readme_is_left_out() -> None:
    unrun = [block for block in documented_blocks() if block.page == "README.md" and block.not_run]
    assert unrun == []


def _run(block: Block, reader: Reader, tmp_path: Path) -> tuple[int | None, str]:
    """In a process group of its own: what a block leaves in the background ends with it."""
    script = tmp_path / "block"
    script.write_text(reader.types(block.code), encoding="utf-8")
    log = tmp_path / "output"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*_interpreter(block), str(script)],
            cwd=reader.folder,
            env=reader.environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        process.wait(BLOCK_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _end_group(process)
    return process.poll(), log.read_text(encoding="utf-8", errors="replace")


def _interpreter(block: Block) -> list[str]:
    if block.language == "bash":
        return ["bash", "-euo", "pipefail"]
    if not block.openai028:
        return ["python3"]
    default = ROOT / ".venv-openai028" / "bin" / "python"
    return [os.environ.get("OPENAI028_PYTHON", str(default))]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
