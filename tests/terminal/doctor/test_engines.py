import sys
from pathlib import Path

import pytest

from fastchat.engines.served import ROWS
from fastchat.terminal.doctor.checks import CHECKS, ENGINE_CHECKS
from fastchat.terminal.doctor.engines import one_engine
from fastchat.terminal.doctor.finding import DoctorConfig
from fastchat.terminal.doctor.report import report
from tests.servers import free_port


def test_an_engine_that_is_not_installed_is_a_fault_with_a_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not report(DoctorConfig(engine="sglang", engine_python=Path(sys.executable)))
    said = capsys.readouterr().out
    assert "FAULT SGLang (sglang) is not installed in" in said
    assert "pip install sglang" in said
    assert (
        f"a worker would run: {sys.executable} -m sglang.launch_server --model-path MODEL" in said
    )


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.program])
def test_what_would_be_run_leaves_the_port_open(name: str) -> None:
    given = DoctorConfig(engine=name, engine_python=Path(sys.executable))
    (run,) = [found.what for found in one_engine(given) if "would run" in found.what]
    assert f"{ROWS[name].flags.port} PORT" in run


def test_an_engine_that_is_installed_tells_its_versions() -> None:
    found = list(one_engine(DoctorConfig(engine="llama_server")))
    assert {finding.level for finding in found} == {"ok"}
    assert any(finding.what.startswith("xllamacpp ") for finding in found)


def test_what_does_not_answer_is_a_fault() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    (found,) = one_engine(DoctorConfig(engine="vllm", engine_url=url))
    assert (found.level, url in found.what) == ("fault", True)


def test_no_interpreter_is_a_fault(tmp_path: Path) -> None:
    (found,) = one_engine(DoctorConfig(engine="vllm", engine_python=tmp_path / "none"))
    assert found.level == "fault"


def test_an_engine_in_process_is_looked_at_as_well() -> None:
    (found,) = one_engine(DoctorConfig(engine="llama_cpp"))
    assert found.level == "ok"


def test_every_check_answers_here() -> None:
    for check in (CHECKS["engines"], ENGINE_CHECKS["engine"]):
        assert list(check(DoctorConfig(engine="echo")))
