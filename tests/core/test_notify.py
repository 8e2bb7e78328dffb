import socket
from pathlib import Path

import pytest

from fastchat.core.notify import READY, notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_what_systemd_asks_for_is_sent_to_it(tmp_path: Path, abstract: bool) -> None:
    name = f"@{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))
        manager.settimeout(10)
        notifier(name)(READY)
        assert manager.recv(100) == b"READY=1"


def test_nobody_need_listen(tmp_path: Path) -> None:
    notifier(None)(READY)
    notifier(str(tmp_path / "nowhere"))(READY)
