"""Ports that somebody else holds are found before anything is started."""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from fastchat.cluster.plan import ProcessSpec
from fastchat.core.errors import ConfigError

_LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


def check_ports(specs: Iterable[ProcessSpec]) -> None:
    """Raises `ConfigError` for the first process that could not listen where it should."""
    for spec in specs:
        fault = _fault(spec.host, spec.port)
        if fault == errno.EADDRINUSE:
            raise ConfigError(_taken(spec))
        if fault is not None:
            raise ConfigError(
                f"{spec.name} cannot listen on {spec.host}:{spec.port} "
                f"({os.strerror(fault)}): change `host` or `port` in {spec.declared}"
            )


def _fault(host: str, port: int) -> int | None:
    """What stands against listening. One address of the host is enough: not all have IPv6."""
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    faults = [_bind_fault(family, place) for family, _, _, _, place in places]
    if errno.EADDRINUSE in faults:
        return errno.EADDRINUSE
    return None if None in faults else faults[0]


def _bind_fault(family: int, place: tuple[object, ...]) -> int | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the servers do: connections of a former life, still fading, are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(place)
    except OSError as error:
        return error.errno or errno.EINVAL
    return None


def _taken(spec: ProcessSpec) -> str:
    holder = _holder(spec.port)
    who = f"by process {holder} ({_command_line(holder)})" if holder else "by another process"
    flag = "choose another --port, " if spec.role == "api" else ""
    return (
        f"the port {spec.port} that {spec.name} wants is taken {who}: stop that one, {flag}"
        f"or give another `port` in {spec.declared} of the platform file"
    )


def _holder(port: int) -> int | None:
    """The process listening there. Linux tells; without root only about one's own processes."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link) in sockets:
                return int(link.parts[2])
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "no longer there"
    return b" ".join(words).decode(errors="replace").strip()[:120]
