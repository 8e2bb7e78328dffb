"""Real servers on free loopback ports, inside the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from fastchat.core.tls import Certificate
from fastchat.relay.protocol import Bounds
from fastchat.relay.server import Server
from fastchat.relay.work import Endpoint
from tests.ports import free_port as free_port


@asynccontextmanager
async def running(
    app: ASGIApp,
    *,
    bounds: Bounds | None = None,
    drain_s: float = 1,
    endpoints: Mapping[bytes, Endpoint] | None = None,
    certificate: Certificate | None = None,
) -> AsyncIterator[Server]:
    """The application, served as in production."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = Server(
        app,
        host="127.0.0.1",
        port=port,
        drain_s=drain_s,
        bounds=bounds,
        endpoints=endpoints,
        certificate=certificate,
    )
    task = asyncio.create_task(server._serve([listening]))
    await until(lambda: server.started or task.done())
    try:
        yield server
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def serving(
    app: ASGIApp, *, endpoints: Mapping[bytes, Endpoint] | None = None
) -> AsyncIterator[str]:
    """The base URL of the application."""
    async with running(app, endpoints=endpoints) as server:
        yield f"http://127.0.0.1:{server.config.port}"


@dataclass
class RawServer:
    """Answers each connection as `script` says, byte by byte; counts the connections."""

    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    connections: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self.script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request with a content-length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head, await reader.readexactly(length)


async def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait for something to come true; fail the test when it does not."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # any condition, not only events
            await asyncio.sleep(0.005)  # any condition, not only events


@asynccontextmanager
async def connected(
    port: int, request: bytes = b"", *, limit: int = 2**16
) -> AsyncIterator[asyncio.StreamReader]:
    """What comes back on one connection after `request`; `limit` bytes are read ahead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        writer.write(request)
        yield reader
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def raw(port: int, request: bytes) -> bytes:
    """All that comes back on one connection, to its end."""
    async with connected(port, request) as reader:
        return await reader.read()
