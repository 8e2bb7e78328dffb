import socket

import pytest

from fastchat.terminal.doctor import machine
from fastchat.terminal.doctor.finding import DoctorConfig
from fastchat.terminal.doctor.machine import disk, ports


def test_a_port_that_is_taken_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(machine, "PORTS", {port: "worker"})
        (found,) = ports(DoctorConfig())
    assert (found.level, found.what) == ("note", f"{port} (worker) is taken")


def test_disks_have_room_or_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ROOM_BYTES", 1 << 62)
    found = list(disk(DoctorConfig()))
    assert [one.level for one in found] == ["note", "ok"]
    assert "FASTCHAT_CACHE" in found[0].remedy
