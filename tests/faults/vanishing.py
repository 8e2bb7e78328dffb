"""A network of its own that goes away under open connections: run as a program, it prints which of
them were given up. Its end is 77 where the kernel lends nobody a network."""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys

from starlette.types import Receive, Scope, Send

from fastchat.core.upstream import Upstream
from fastchat.relay import Limits, Relay, UpstreamFault, opened
from fastchat.relay.edge import unless_gone
from fastchat.relay.protocol import Bounds
from tests.servers import RawServer, read_request, running, until

NEWUSER, NEWNET = 0x10000000, 0x40000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
GONE_S = 2.0
NOT_LENT = 77


def enter_own_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(NEWUSER | NEWNET):
        sys.exit(NOT_LENT)


def network(*, up: bool) -> None:
    with socket.socket() as tcp:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(tcp, GET_FLAGS, asked))
        flags = flags | UP if up else flags & ~UP
        fcntl.ioctl(tcp, SET_FLAGS, struct.pack("16sh14x", b"lo", flags))


class Vanished:
    """Who has begun, and who was given up."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.ended: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """/busy says something all the time, /quiet once."""
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        name = scope["path"]

        async def talk() -> None:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                self.begun.add(name)
                await asyncio.sleep(0.1 if name == "/busy" else 3600)

        async def never(_: object) -> None:
            pass

        await unless_gone(receive, talk(), never)
        self.ended[name] = "left"

    async def worker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        self.begun.add("/worker")
        await asyncio.Event().wait()

    async def ask(self, relay: Relay, port: int) -> None:
        try:
            await opened(relay, Upstream("127.0.0.1", port), b"/worker", body=b"{}")
        except UpstreamFault as fault:
            self.ended["/worker"] = fault.kind


async def main() -> None:
    network(up=True)
    one = Vanished()
    relay = Relay(Limits(gone_s=GONE_S))
    async with (
        running(one, bounds=Bounds(gone_s=GONE_S)) as server,
        RawServer(one.worker).listening() as port,
    ):
        asking = asyncio.create_task(one.ask(relay, port))  # noqa: F841, RUF006 # held
        for path in ("/busy", "/quiet"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        await until(lambda: len(one.begun) == 3)
        network(up=False)
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(one.ended) == 3, timeout_s=60)
        sys.stdout.write(json.dumps(one.ended) + "\n")
        sys.stdout.flush()
        os._exit(0)  # there is no network to end in good order


if __name__ == "__main__":
    enter_own_network()
    asyncio.run(main())
