"""Asks a process whether it is ready."""

from typing import Literal, Self

import aiohttp

Answer = Literal["ready", "alive", "silent"]


class HttpProbe:
    """Any answer means alive, 200 means ready. Each question has a connection of its own, so that
    no idle one is in the way when a process drains.
    """

    def __init__(self, *, timeout_s: float = 5.0) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def __call__(self, url: str) -> Answer:
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                return "ready" if answer.status == 200 else "alive"
        except (aiohttp.ClientError, TimeoutError):
            return "silent"
