from pathlib import Path

import pytest
from msgspec.structs import replace

from fastchat.cluster.state import Recorder, StateFolder, only
from fastchat.cluster.status import Status
from fastchat.core.errors import ConfigError
from tests.cluster.board.platforms import SPECS, running


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "running")


def test_what_is_written_is_found(folder: StateFolder) -> None:
    assert folder.running() == []
    folder.write(running())
    assert folder.running() == [running()]
    folder.remove(running())
    assert folder.running() == []


def test_a_state_without_its_process_is_removed(folder: StateFolder, tmp_path: Path) -> None:
    """Above all when another process has the number by now: it must not be ended for it."""
    folder.write(replace(running(), birth="another life"))
    assert folder.running() == []
    assert list((tmp_path / "running").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff"])
def test_a_file_of_somebody_else_is_left_alone(
    folder: StateFolder, tmp_path: Path, content: bytes
) -> None:
    folder.write(running())
    (tmp_path / "running" / "1.json").write_bytes(content)
    assert folder.running() == [running()]
    assert (tmp_path / "running" / "1.json").read_bytes() == content


def test_nobody_else_may_look(folder: StateFolder, tmp_path: Path) -> None:
    folder.write(running())
    assert (tmp_path / "running").stat().st_mode & 0o077 == 0


def test_a_port_chooses_a_platform(folder: StateFolder) -> None:
    folder.write(running())
    assert folder.chosen(31001) == folder.chosen(None) == [running()]
    with pytest.raises(ConfigError, match=r"no platform of yours has the port 9 \(process"):
        folder.chosen(9)


def test_several_need_a_choice() -> None:
    assert only([running()]) == running()
    with pytest.raises(ConfigError, match=r"several platforms run .*choose one with --port"):
        only([running(), running()])


def test_every_change_is_in_the_file(folder: StateFolder) -> None:
    recorder = Recorder(folder, running(), now=lambda: 2000.0)
    worker = SPECS[1].name
    recorder.observe(Status(process=worker, state="restarting", pause_s=4.0, reason="x"))
    recorder.weigh({worker: 5})
    (written,) = folder.running()
    (changed,) = [p for p in written.processes if p.name == worker]
    assert (changed.status.pause_s, changed.since, changed.weights_bytes) == (4.0, 2000.0, 5)
    assert not written.is_ready
    recorder.close()
    assert folder.running() == []


def test_it_is_settled_when_all_are_ready_or_have_failed(folder: StateFolder) -> None:
    recorder = Recorder(folder, running(), now=lambda: 0.0)
    *others, last = SPECS
    for spec in others:
        recorder.observe(Status(process=spec.name, state="ready"))
    assert not recorder.state.is_settled
    recorder.observe(Status(process=last.name, state="restarting"))
    recorder.observe(Status(process=last.name, state="starting"))
    assert recorder.state.is_settled


def test_a_folder_that_cannot_be_written_to_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    recorder = Recorder(StateFolder(tmp_path / "file" / "x"), running(), now=lambda: 0.0)
    assert recorder.fault is not None
    recorder.observe(Status(process=SPECS[0].name, state="stopped"))
    assert recorder.state.processes[0].status.state == "stopped"
    recorder.close()
