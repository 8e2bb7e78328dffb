"""Pictures that clients name by URL, fetched from where the operator allows it, and nowhere else.

A URL is a client's word: it may lead into the operator's own network. A name is looked up once, and
the connection goes to the very address that was judged; so does that of every redirect.
"""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fastchat.core.errors import InvalidRequest, OutOfRange

MOST = 16
REDIRECTS = 3
LIMIT_S = 10.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# How each kind begins: what a server calls it is its own word.
_KINDS: Sequence[tuple[bytes, bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF8", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
)


def is_public(address: str) -> bool:
    """Whether it is on the open internet, also behind what carries one protocol in the other."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.sixtofour is not None or ip.teredo is not None:
            return False
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True, slots=True)
class Hosts:
    """Those that may be asked: names, `*.example.org` for all below one, or `*` for any."""

    allowed: Collection[str] = ()

    def __contains__(self, host: str) -> bool:
        host = host.rstrip(".").lower()
        return any(self._is(host, one.lower()) for one in self.allowed)

    def _is(self, host: str, allowed: str) -> bool:
        if allowed.startswith("*."):
            return host.endswith(allowed[1:])
        return allowed in ("*", host)


class Refused(InvalidRequest):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The picture {url[:200]!r} {why}", param="messages")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """No host is asked that is not named: then every URL is refused."""

    hosts: Hosts = Hosts()
    limit_s: float = LIMIT_S
    is_allowed: Callable[[str], bool] = is_public
    resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver

    async def fetched(self, urls: Sequence[str], limit_bytes: int) -> Mapping[str, str]:
        """As data URLs, all of them together within the limit. Raises the `InvalidRequest` that
        refuses one."""
        wanted = list(dict.fromkeys(urls))
        if len(wanted) > MOST:
            raise OutOfRange(
                f"{len(wanted)} pictures by URL are more than {MOST}", param="messages"
            )
        for url in wanted:
            self._check(url)
        try:
            async with asyncio.timeout(self.limit_s):
                return await self._all(wanted, limit_bytes)
        except TimeoutError:
            raise Refused(wanted[0], f"did not come within {self.limit_s:g} s.") from None
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _all(self, urls: Sequence[str], limit_bytes: int) -> Mapping[str, str]:
        connector = aiohttp.TCPConnector(resolver=_Judging(self.resolver(), self.is_allowed))
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            fetching = _Fetching(self, session, limit_bytes * 3 // 4)  # base64 grows
            async with asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(fetching.data_url(url)) for url in urls}
        return {url: task.result() for url, task in tasks.items()}

    def _check(self, url: str) -> None:
        """What can be said without asking anybody."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("http", "https"):
            raise Refused(url, "has no http or https URL. Send it as a data URL.")
        if host not in self.hosts:
            raise Refused(
                url,
                "is not fetched from that host: send it as a data URL, or the operator allows the "
                "host (--image-hosts of the API server).",
            )
        if _is_address(host) and not self.is_allowed(host):
            raise _inside(url)


@dataclass(slots=True)
class _Fetching:
    pictures: Pictures
    session: aiohttp.ClientSession
    left: int

    async def data_url(self, url: str) -> str:
        asked = url
        for _ in range(REDIRECTS + 1):
            try:
                found = await self._ask(asked)
            except _NotAllowed:
                raise _inside(url) from None
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                raise Refused(url, "could not be fetched. Send it as a data URL.") from None
            if isinstance(found, bytes):
                return _data_url(url, found)
            asked = urljoin(asked, found)
            self.pictures._check(asked)
        raise Refused(url, "is redirected too often.")

    async def _ask(self, url: str) -> bytes | str:
        """The picture, or where it is said to be."""
        headers = {"accept": "image/*", "accept-encoding": "identity"}
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status in (301, 302, 303, 307, 308):
                return answer.headers.get("location", "")
            if answer.status != 200:
                raise Refused(url, f"could not be fetched: its server said {answer.status}.")
            return await self._read(url, answer)

    async def _read(self, url: str, answer: aiohttp.ClientResponse) -> bytes:
        found = bytearray()
        async for piece in answer.content.iter_chunked(64 * 1024):
            found += piece
            self.left -= len(piece)
            if self.left < 0:
                raise Refused(url, "is too large for a request here (--max-body-bytes).")
        return bytes(found)


class _NotAllowed(Exception):
    """A name leads to an address that is nobody's to ask."""


class _Judging(AbstractResolver):
    """What is connected to is what was judged: a name is looked up once."""

    def __init__(self, inner: AbstractResolver, is_allowed: Callable[[str], bool]) -> None:
        self._inner = inner
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(self._is_allowed(one["host"]) for one in found):
            raise _NotAllowed(host)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _inside(url: str) -> Refused:
    return Refused(url, "does not lead to a public address. Send it as a data URL.")


def _is_address(host: str) -> bool:
    """As a resolver would take it for one, too: 127.1 and 2130706433 are 127.0.0.1."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit()
    return True


def _data_url(url: str, data: bytes) -> str:
    for begins, then, kind in _KINDS:
        if data.startswith(begins) and data[8 : 8 + len(then)] == then:
            return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    raise Refused(url, "is no PNG, JPEG, GIF or WebP.")
