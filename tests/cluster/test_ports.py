import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from fastchat.cluster.ports import check_ports
from fastchat.core.errors import ConfigError
from tests.cluster.processes import Server


def test_free_ports_pass(server: Server) -> None:
    check_ports([server("controller"), server("worker")])


def test_a_taken_port_is_named_with_who_wants_it_and_who_has_it(server: Server) -> None:
    spec = server("openai_api_server")
    with (
        socket.create_server(("127.0.0.1", spec.port)),
        pytest.raises(ConfigError) as caught,
    ):
        check_ports([server("controller"), spec])
    sentence = str(caught.value)
    assert f"the port {spec.port} that openai_api_server wants is taken by" in sentence
    assert "give another `port` in [api] of the platform file" in sentence
    if sys.platform == "linux":
        assert f"process {os.getpid()} (" in sentence


def test_a_port_taken_on_every_interface_is_taken(server: Server) -> None:
    spec = server("worker")
    with socket.create_server(("", spec.port)), pytest.raises(ConfigError, match="is taken"):
        check_ports([replace(spec, host="localhost")])


def test_a_connection_still_fading_is_no_hindrance(free_port: Callable[[], int]) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # who closes first keeps the port in TIME_WAIT
        client.close()
    with pytest.raises(OSError, match="in use"), socket.socket() as strict:
        strict.bind(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_named(server: Server, host: str) -> None:
    spec = replace(server("worker"), host=host)
    with pytest.raises(ConfigError, match=r"worker cannot listen on .*change `host` or `port` in"):
        check_ports([spec])
