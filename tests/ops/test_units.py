"""The systemd units: read by systemd, and their commands run as systemd would run them."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ops.tools import DEPLOY, run
from tests.running import ROOT, free_ports

pytestmark = pytest.mark.ops

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PYTHON = "/opt/fastchat/venv/bin/python3"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with an interpreter that exists here."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PYTHON, sys.executable))
    return tmp_path


def test_systemd_finds_nothing_to_say(installed: Path) -> None:
    assert run("systemd-analyze", "verify", *(installed / unit.name for unit in UNITS)) == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_gives_away_little(unit: Path) -> None:
    run("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_no_unit_stops_with_another(unit: Path) -> None:
    text = unit.read_text()
    assert not re.search(r"(?m)^(Requires|BindsTo|PartOf)=", text)
    assert "Restart=always" in text


@pytest.mark.timeout(240)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_service_says_that_it_is_ready_lives_and_ends(unit: Path, tmp_path: Path) -> None:
    with _manager(tmp_path) as manager:
        process = subprocess.Popen(
            _command(unit), cwd=tmp_path, env=_environment(tmp_path), stderr=subprocess.DEVNULL
        )
        try:
            heard = [manager.recv(100) for _ in range(3)]
            process.send_signal(signal.SIGTERM)
            while heard[-1] != b"STOPPING=1":
                heard.append(manager.recv(100))
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    assert heard[0] == b"READY=1"
    assert set(heard[1:-1]) == {b"WATCHDOG=1"}


def test_the_installer_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    said = run("env", f"DESTDIR={tmp_path}", DEPLOY / "systemd" / "install.sh")
    assert all(unit.name in said for unit in UNITS)
    assert list(tmp_path.iterdir()) == []


def test_the_installer_keeps_the_settings_that_are_there(tmp_path: Path) -> None:
    command = ("env", f"DESTDIR={tmp_path}", DEPLOY / "systemd" / "install.sh", "--apply")
    run(*command)
    settings = tmp_path / "etc" / "fastchat" / "fastchat.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    settings.write_text("FASTCHAT_CLUSTER_TOKEN=mine\n")
    assert "stays as it is" in run(*command)
    assert settings.read_text() == "FASTCHAT_CLUSTER_TOKEN=mine\n"
    names = {path.name for path in (tmp_path / "etc" / "systemd" / "system").iterdir()}
    assert names == {unit.name for unit in UNITS}


@contextmanager
def _manager(folder: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(folder / "notify"))
        one.settimeout(180)
        yield one


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "NOTIFY_SOCKET": str(folder / "notify"),
        "LOGDIR": str(folder),
    }


def _command(unit: Path) -> list[str]:
    """Of the unit, on a free port and with a model that is small."""
    (line,) = re.findall(r"(?m)^ExecStart=(.*)$", unit.read_text())
    line = line.replace(PYTHON, sys.executable).replace("${MODEL_PATH}", "echo")
    line = re.sub(r"--port \S+", f"--port {free_ports(1)[0]}", line).replace("%i", "0")
    more = "--engine echo --no-register" if "worker" in unit.name else ""
    return shlex.split(re.sub(r"\$FASTCHAT_\w+_ARGS", more, line))
