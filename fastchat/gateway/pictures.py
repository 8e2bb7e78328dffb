"""Pictures that clients name by URL, fetched from where the operator allows it, and nowhere else.

A URL is a client's word: it may lead into the operator's own network. It is read once, and what was
judged is what is asked (`addresses`); so it is with every redirect.
"""

import asyncio
import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.core.pictures import check_size, kind_of
from fastchat.gateway.addresses import (
    Hosts,
    Judging,
    Lookups,
    NotAllowed,
    is_address,
    is_public,
)

MOST = 16
REDIRECTS = 3
LIMIT_S = 10.0


class Refused(InvalidRequest):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The picture {url[:200]!r} {why}", param="messages")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """No host is asked that is not named: then every URL is refused."""

    hosts: Hosts = field(default_factory=Hosts)
    limit_s: float = LIMIT_S
    is_allowed: Callable[[str], bool] = is_public
    resolver: AbstractResolver = field(default_factory=Lookups)

    async def fetched(self, urls: Sequence[str], limit_bytes: int) -> Mapping[str, str]:
        """As data URLs, all of them together within the limit: each as often as it is named.
        Raises the `InvalidRequest` that refuses one."""
        if len(urls) > MOST:
            raise OutOfRange(f"{len(urls)} pictures by URL are more than {MOST}", param="messages")
        for url in urls:
            self._judged(url)
        try:
            async with asyncio.timeout(self.limit_s):
                found = await self._all(set(urls), limit_bytes)
        except TimeoutError:
            raise Refused(urls[0], f"did not come within {self.limit_s:g} s.") from None
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        if sum(len(found[url]) for url in urls) > limit_bytes:
            raise _too_large(urls[0])
        return found

    async def aclose(self) -> None:
        await self.resolver.close()

    async def _all(self, urls: Collection[str], limit_bytes: int) -> Mapping[str, str]:
        judging = Judging(self.resolver, self.is_allowed)
        connector = aiohttp.TCPConnector(resolver=judging, socket_factory=judging.socket_to)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            fetching = _Fetching(self, session, limit_bytes * 3 // 4)  # base64 grows
            async with asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(fetching.data_url(url)) for url in urls}
        return {url: task.result() for url, task in tasks.items()}

    def _judged(self, url: str, base: URL | None = None) -> URL:
        """What can be said without asking anybody, of the host as the client will ask it."""
        try:
            read = URL(url) if base is None else base.join(URL(url))
            host, spelt = read.raw_host or "", read.host or ""
        except ValueError:
            host = spelt = ""
        if not host or read.scheme not in ("http", "https"):
            raise Refused(url, "has no http or https URL. Send it as a data URL.")
        if host not in self.hosts and spelt not in self.hosts:
            raise Refused(
                url,
                "is not fetched from that host: send it as a data URL, or the operator allows the "
                "host (--image-hosts of the API server).",
            )
        if is_address(host) and not self.is_allowed(host):
            raise _inside(url)
        return read


@dataclass(slots=True)
class _Fetching:
    pictures: Pictures
    session: aiohttp.ClientSession
    left: int

    async def data_url(self, url: str) -> str:
        asked = self.pictures._judged(url)
        for _ in range(REDIRECTS + 1):
            try:
                found = await self._ask(asked)
            except NotAllowed:
                raise _inside(url) from None
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                raise Refused(url, "could not be fetched. Send it as a data URL.") from None
            if isinstance(found, bytes):
                return _data_url(url, found)
            asked = self.pictures._judged(found, asked)
        raise Refused(url, "is redirected too often.")

    async def _ask(self, url: URL) -> bytes | str:
        """The picture, or where it is said to be."""
        headers = {"accept": "image/*", "accept-encoding": "identity"}
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status in (301, 302, 303, 307, 308):
                return answer.headers.get("location", "")
            if answer.status != 200:
                raise Refused(str(url), f"could not be fetched: its server said {answer.status}.")
            return await self._read(answer)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        found = bytearray()
        async for piece in answer.content.iter_chunked(64 * 1024):
            found += piece
            self.left -= len(piece)
            if self.left < 0:
                raise _too_large(str(answer.url))
        return bytes(found)


def _too_large(url: str) -> Refused:
    return Refused(url, "is too large for a request here (--max-body-bytes).")


def _inside(url: str) -> Refused:
    return Refused(url, "does not lead to a public address. Send it as a data URL.")


def _data_url(url: str, data: bytes) -> str:
    kind = kind_of(data)
    if kind is None:
        raise Refused(url, "is no PNG, JPEG, GIF or WebP.")
    check_size(data)
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
