"""Streams as a client asks for them, read to their ends."""

import asyncio
import json
import re
import time
from dataclasses import dataclass

MODEL = "m"
PROMPT = "Tell me a long story about a lighthouse."
# The tokens that end a turn of this model are ruled out: every stream has the same length.
NO_END = {"0": -100, "2": -100}

_FIRST = re.compile(rb'"content":"[^"]')
_COUNT = re.compile(rb'"completion_tokens":\s*(\d+)')
_END = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream: tokens, seconds to the first text."""

    tokens: int
    first_s: float


class Caller:
    """Keeps its connection, as clients do, for as long as the server does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def stream(self, index: int, tokens: int) -> Sample:
        asked = request(index, tokens)
        received, first = b"", 0.0
        while not received:  # a kept connection may be closed by now: llama.cpp closes each
            reader, writer = await self._open()
            began = time.perf_counter()
            writer.write(asked)
            while not received.endswith(_END) and (piece := await reader.read(65536)):
                received += piece
                if not first and _FIRST.search(received):
                    first = time.perf_counter() - began
        counts = _COUNT.findall(received)
        if b"data: [DONE]" not in received or not counts:
            raise SystemExit(f"a stream came to no good end:\n{received[-500:].decode()}")
        return Sample(int(counts[-1]), first)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer


async def once(port: int, index: int, tokens: int) -> Sample:
    """On a connection of its own."""
    caller = Caller(port)
    try:
        return await caller.stream(index, tokens)
    finally:
        caller.close()


def request(index: int, tokens: int) -> bytes:
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{PROMPT} ({index})"}],
            "max_tokens": tokens,
            "temperature": 0,
            "logit_bias": NO_END,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )
