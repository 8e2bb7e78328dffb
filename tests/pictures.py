"""A picture, who sends it, and requests that name some."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.servers import RawServer, read_request

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


class Names(AbstractResolver):
    """`outside` leads to a server of the test's, `inside` to another of its addresses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = {"outside": "127.0.0.1"}.get(host, "127.0.0.2")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None: ...


def answer(body: bytes = PNG, status: str = "200 OK", *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (*lines, f"content-length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def pictures_at(*answers: bytes) -> AsyncIterator[tuple[str, RawServer]]:
    """The URL of a server that says these one after another."""
    left = list(answers)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if not left:
            await reader.read()  # silence
        writer.write(left.pop(0))
        await writer.drain()

    server = RawServer(script)
    async with server.listening() as port:
        yield f"http://outside:{port}/a.png", server


def body_of(*parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
