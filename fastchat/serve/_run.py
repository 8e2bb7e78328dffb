"""What all servers do at their start and at their end."""

import gc
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

from rich.console import Console
from rich.logging import RichHandler

from fastchat.core import config as configuration
from fastchat.core import huge_pages
from fastchat.core import logging as logs
from fastchat.core.errors import ConfigError
from fastchat.core.json_lines import JsonLines
from fastchat.core.notify import notifier
from fastchat.core.parent import die_with
from fastchat.core.tls import Certificate
from fastchat.relay.edge import Service
from fastchat.relay.server import BACKLOG, Server
from fastchat.terminal.styles.text import visible

C = TypeVar("C")

logger = logging.getLogger("uvicorn.error")


def begin(config: type[C], command: str) -> C:
    """Read the command line; end with status 2 and one sentence when it cannot be used."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while a model loads: no traceback
    try:
        return configuration.parse(config, prog=f"python3 -m fastchat.serve.{command}")
    except ConfigError as error:
        fail(error)


def log_to(name: str, filename: str, logdir: Path | None, config: logs.LogFlags) -> None:
    """Set up logging and write the first line, which shows how the process was started."""
    if configuration.supervisor() is not None:
        logdir = None  # our standard error already is a file of the supervisor's
    try:
        logs.configure(
            filename,
            logdir=logdir,
            kept=config,
            lines=JsonLines() if config.log_format == "json" else None,
            console=RichHandler(console=Console(stderr=True), show_path=False)
            if config.log_format == "rich"
            else None,
        )
    except OSError as error:
        fail(ConfigError(f"the log folder {logdir} (LOGDIR, --logdir): {error.strerror}"))
    log = logging.getLogger(name)
    log.info("args: %s", configuration.shown(config))
    for flag in configuration.exposed_secrets(type(config), sys.argv):
        log.warning("%s: other users of this machine can read command lines", flag)


def warn_if_open(host: str, *, guarded: bool, remedy: str) -> None:
    """Say so when everybody who reaches this machine may use the port."""
    if not guarded and host not in ("localhost", "127.0.0.1", "::1"):
        logger.warning("%s is open to everybody who reaches this machine: %s", host, remedy)


def fail(error: Exception) -> NoReturn:
    # Some of these repeat what a peer said.
    sys.stderr.write(f"error: {visible(str(error))}\n")
    raise SystemExit(2)


def bind(host: str, port: int) -> list[socket.socket]:
    """Take the port before anything slow is done. Raises `ConfigError` when it cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"--host {host}: {error.strerror}") from None
    bound: list[socket.socket] = []
    refusals: list[OSError] = []
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            bound.append(_bound(family, (address[0], _port(bound) or port)))
        except OSError as error:
            refusals.append(error)
    # A machine may know a name as an IPv6 address and have no IPv6.
    if not bound or any(error.errno != 99 for error in refusals):
        reason = refusals[0].strerror
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}. Choose another --port.")
    return bound


def serve(
    service: Service,
    bound: Sequence[socket.socket],
    host: str,
    *,
    drain_s: float,
    certificate: Certificate | None = None,
    alone: bool = True,
) -> None:
    """Run until SIGTERM or Ctrl-C, then let running requests finish for `drain_s` seconds. Who is
    not `alone` shares memory with the forks beside it: each would have its own on huge pages.
    """
    follow_supervisor()
    for one in bound:
        one.listen(BACKLOG)
    server = Server(
        service.app,
        host=host,
        port=_port(bound),
        drain_s=drain_s,
        endpoints=service.endpoints,
        before_drain=service.before_drain,
        certificate=certificate,
        notify=notifier(configuration.notify_socket()),
    )

    def end(signum: int, frame: FrameType | None) -> None:
        server.should_exit = True

    # Who is told to end before uvicorn listens to signals ends as soon as it has begun. Afterwards
    # uvicorn raises the signal that ended it once more; a drained process has ended well.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, end)
    gc.collect()
    gc.freeze()  # what was built stays: to look through it for garbage costs a tenth of a request
    if alone:
        huge_pages.gather()
    server.run(sockets=list(bound))


def follow_supervisor() -> None:
    """End when it does, if this process is its child."""
    supervisor = configuration.supervisor()
    if supervisor is not None:
        die_with(supervisor)


def _bound(family: int, address: tuple[object, int]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def _port(bound: Sequence[socket.socket]) -> int:
    return int(bound[0].getsockname()[1]) if bound else 0
