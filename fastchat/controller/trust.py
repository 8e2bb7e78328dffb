"""Who may register which address.

With a cluster token: whoever knows it. Without: a caller may name addresses of its own machine
only, so that a stranger cannot draw other people's prompts to a host of his choice. Addresses
where clouds keep their metadata services are nobody's worker.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from fastchat.core.errors import InvalidRequest, NoPermission
from fastchat.core.upstream import Upstream
from fastchat.protocol.cluster import Registration

IP = IPv4Address | IPv6Address

# How far the clocks of two machines may be apart.
SKEW_NS = 600 * 10**9
# Where clouds keep what a machine's owner only may know, beside the link-local addresses.
METADATA = frozenset(["fd00:ec2::254", "100.100.100.200", "192.0.0.192"])
# A name server that is slower does not know the name.
RESOLVE_S = 5.0


async def ask_name_server(host: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class Trust:
    token: str | None = field(repr=False)
    now_ns: Callable[[], int] = time.time_ns
    find: Callable[[str], Awaitable[Sequence[str]]] = ask_name_server

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What opens a worker that has the same token."""
        return [(b"authorization", f"Bearer {self.token}".encode())] if self.token else []

    def check_claims(self, registration: Registration, caller: str) -> None:
        """Nobody may claim to come from the future, or, without the token and from elsewhere, to
        live without heart-beats."""
        if registration.epoch is not None and registration.epoch > self.now_ns() + SKEW_NS:
            raise InvalidRequest("epoch: it lies in the future", param="epoch")
        trusted = self.token is not None or _plain_ip(caller).is_loopback
        if not trusted and not registration.check_heart_beat:
            raise NoPermission(
                "check_heart_beat false needs the cluster token (FASTCHAT_CLUSTER_TOKEN)",
                param="check_heart_beat",
            )

    async def addresses(self, worker_url: str) -> list[IP]:
        """Raises `NoPermission` for what can be nobody's worker."""
        resolved = await self._resolve(worker_url)
        for address in resolved:
            if _is_nobodys(address):
                raise NoPermission(f"{address} is never a worker's address", param="worker_name")
        return resolved

    async def check(self, worker_url: str, caller: str) -> list[IP]:
        """What the address stands for. Raises `NoPermission` when this caller may not speak for
        it."""
        resolved = await self.addresses(worker_url)
        for address in resolved:
            if self.token is None and not _is_own(address, _plain_ip(caller)):
                raise NoPermission(
                    f"{worker_url} is not an address of the caller {caller}. Start the controller "
                    "and the worker with the same FASTCHAT_CLUSTER_TOKEN to allow it.",
                    param="worker_name",
                )
        return resolved

    async def _resolve(self, worker_url: str) -> list[IP]:
        try:
            host = Upstream.from_url(worker_url).host
        except ValueError as error:
            raise InvalidRequest(f"worker_name: {error}", param="worker_name") from None
        if (known := _unasked(host)) is not None:
            return known
        try:
            async with asyncio.timeout(RESOLVE_S):
                return [_plain_ip(address) for address in await self.find(host)]
        except (OSError, UnicodeError) as error:
            raise InvalidRequest(
                f"worker_name: the host of {worker_url} is not known here: {error}",
                param="worker_name",
            ) from None


def _unasked(host: str) -> list[IP] | None:
    """Addresses that no name server has to be asked for: a stranger who keeps ours busy must not
    hold up the heart-beats of others."""
    if host == "localhost":
        return [ip_address("127.0.0.1"), ip_address("::1")]
    try:
        return [_plain_ip(host)]
    except ValueError:
        return None


def _is_nobodys(address: IP) -> bool:
    everybodys = address.is_link_local or address.is_multicast or address.is_unspecified
    return everybodys or str(address) in METADATA


def _is_own(address: IP, caller: IP) -> bool:
    if caller.is_loopback:
        return address.is_loopback or _is_of_this_machine(address)
    return address == caller


def _is_of_this_machine(address: IP) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _plain_ip(text: str) -> IP:
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
