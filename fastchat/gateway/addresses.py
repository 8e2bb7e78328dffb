"""Who may be asked for what a client names by URL: which hosts, and which addresses.

A name is looked up once, and the connection goes to the very address that was judged.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUPS = 8
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


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


class NotAllowed(Exception):
    """A name leads to an address that is nobody's to ask."""


class Judging(AbstractResolver):
    """Of all addresses that a name leads to, and again of the one that is connected to: an address
    in a URL is never looked up."""

    def __init__(self, inner: AbstractResolver, is_allowed: Callable[[str], bool]) -> None:
        self._inner = inner
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(self._is_allowed(one["host"]) for one in found):
            raise NotAllowed(host)
        return found

    def socket_to(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not self._is_allowed(str(address[0])):
            raise NotAllowed(address[0])
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """The inner one is shared."""


class Lookups(AbstractResolver):
    """In threads of their own: names whose servers say nothing keep nobody else waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=of,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for of, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def is_address(host: str) -> bool:
    """As a resolver would take it for one, too: 127.1 and 2130706433 are 127.0.0.1."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit()
    return True
