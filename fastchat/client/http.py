"""What both clients need of an HTTP client: one session, JSON out, bytes back."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from fastchat.core.errors import InvalidRequest
from fastchat.protocol.codec import encode

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024

# What a peer's network or a peer's nonsense can raise.
NETWORK_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, InvalidRequest, ValueError)


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


async def messages(
    answer: aiohttp.ClientResponse, end: bytes, *, rest_matters: bool = True
) -> AsyncGenerator[bytes, None]:
    """What comes before each `end`. Raises ValueError when an end does not come; a stream that
    ends inside a message is no fault unless the `rest_matters`."""
    buffer = b""
    async for piece in answer.content.iter_any():
        *whole, buffer = (buffer + piece).split(end)
        for message in whole:
            yield message
        if len(buffer) > MESSAGE_LIMIT_BYTES:
            raise ValueError(f"a message of more than {MESSAGE_LIMIT_BYTES} bytes")
    if rest_matters and buffer.strip():
        raise ValueError("the stream ends inside a message")


async def bounded(answer: aiohttp.ClientResponse, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> bytes:
    """Raises ValueError for an answer that is longer than any of ours."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > limit_bytes:
            raise ValueError(f"an answer of more than {limit_bytes} bytes")
    return bytes(body)


class Api:
    """Calls to one base address. `session` belongs to whoever opened it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        token: str | None,
        timeout_s: float,
        agent: str = "fastchat",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._headers = {
            "content-type": "application/json",
            "user-agent": agent,
            **bearer(token),
        }
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def get(self, path: str) -> bytes:
        """Raises what `post` raises."""
        return await self._call("GET", path, None)

    async def post(self, path: str, message: object = None) -> bytes:
        """Raises one of `NETWORK_ERRORS`, or `aiohttp.ClientResponseError` on another status."""
        return await self._call("POST", path, encode(message))

    async def _call(self, method: str, path: str, body: bytes | None) -> bytes:
        async with self._session.request(
            method,
            self.base_url + path,
            data=body,
            headers=self._headers,
            timeout=self._timeout,
            allow_redirects=False,
        ) as answer:
            read = await bounded(answer)
            if answer.status != 200:
                raise aiohttp.ClientResponseError(
                    answer.request_info,
                    answer.history,
                    status=answer.status,
                    message=read.decode(errors="replace")[:500],
                )
            return read

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, body: bytes | None, silence_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer without an end in sight, bounded by silence only."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=silence_s)
        async with self._session.request(
            method,
            self.base_url + path,
            data=body,
            headers=self._headers,
            timeout=timeout,
            allow_redirects=False,
        ) as answer:
            answer.raise_for_status()
            yield answer
