"""Peers that end, and peers that do not: FIN, RST and half-closed connections of clients, and a
thousand connections on which nothing is said."""

import asyncio
import contextlib
import json
import resource
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import Stack, request
from tests.scripted import ScriptedEngine
from tests.servers import raw, until

CLOSE = b"connection: close\r\n"
ASK = {"model": "m", "messages": "hi"}
IDLE = 1000


def finish(peer: socket.socket) -> None:
    peer.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def half_close(peer: socket.socket) -> None:
    """It could still read; to us, as to nginx, who ends the connection has left."""
    peer.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("end", [finish, reset, half_close])
async def test_however_a_client_ends_its_slot_comes_back(
    stack: Stack, engine: ScriptedEngine, end: Callable[[socket.socket], None], stream: bool
) -> None:
    engine.held = asyncio.Event()
    with socket.create_connection(("127.0.0.1", stack.port)) as peer:
        peer.sendall(request(json.dumps(ASK | {"stream": stream}).encode()))
        await until(lambda: engine.running)
        end(peer)
        await until(lambda: not engine.running)
    engine.held.set()
    last = await raw(stack.port, request(json.dumps(ASK).encode(), headers=CLOSE))
    assert last.startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * IDLE:
        pytest.skip(f"a process may open only {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * IDLE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_idle_connections_hold_up_nobody(stack: Stack) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(IDLE):
            peer = opened.enter_context(socket.socket())
            peer.setblocking(False)
            await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", stack.port))
        await until(lambda: len(stack.gateway.server_state.connections) == IDLE)
        answer = await raw(stack.port, request(json.dumps(ASK).encode(), headers=CLOSE))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert len(stack.gateway.server_state.connections) == IDLE
    await until(lambda: not stack.gateway.server_state.connections)
