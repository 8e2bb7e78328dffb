from pathlib import Path

from benchmarks.gateway.nginx import config


def test_nginx_is_a_relay_that_holds_nothing_back(tmp_path: Path) -> None:
    written = config(tmp_path, 1001, 1003, 2, as_root=False)
    assert "worker_processes 2;" in written
    assert "listen 127.0.0.1:1001 " in written
    assert "server 127.0.0.1:1003;" in written
    assert "proxy_buffering off;" in written
    assert "access_log off;" in written
    assert "user " not in written


def test_nginx_writes_only_into_its_own_folder(tmp_path: Path) -> None:
    written = config(tmp_path, 1001, 1003, 1, as_root=False)
    places = [line.split()[1] for line in written.splitlines() if "_temp_path" in line]
    assert len(places) == 5
    assert all(place.startswith(str(tmp_path)) for place in places)
