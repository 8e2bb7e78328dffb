"""How every server of ours runs: uvicorn, with our edge."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from fastchat.core.notify import ALIVE, ENDING, READY, Notify
from fastchat.core.tls import Certificate
from fastchat.relay.outbox import Outbox
from fastchat.relay.protocol import Bounds, EdgeProtocol
from fastchat.relay.work import Endpoint

logger = logging.getLogger("uvicorn.error")

BACKLOG = 4096
# Longer than clients keep a connection idle, so that no request meets its closing.
KEEP_ALIVE_S = 75
LAST_WORDS_S = 1.0
DRAIN_LOOK_S = 0.01


class Server(uvicorn.Server):
    """`endpoints` are answered below ASGI, by path; for all else there is `app`. `before_drain` is
    awaited when the end begins, while the port still listens. Running requests then have `drain_s`
    seconds to finish. `notify` hears of the beginning, of the end and, each time that connections
    are looked at, that the loop still turns."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        drain_s: float,
        bounds: Bounds | None = None,
        endpoints: Mapping[bytes, Endpoint] | None = None,
        before_drain: Callable[[], Awaitable[None]] | None = None,
        certificate: Certificate | None = None,
        notify: Notify = lambda state: None,
    ) -> None:
        self._notify = notify
        self._bounds = bounds or Bounds()
        protocol = partial(
            EdgeProtocol, bounds=self._bounds, endpoints=endpoints or {}, outbox=Outbox()
        )
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                loop="uvloop",
                http=protocol,  # type: ignore[arg-type]  # makes one
                ws="none",
                ssl_certfile=certificate.certfile if certificate else None,
                ssl_keyfile=certificate.keyfile if certificate else None,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                server_header=False,
                proxy_headers=False,  # a header must not say who the caller is
            )
        )
        self._before_drain = before_drain
        self._drain_s = drain_s
        self._checking: asyncio.TimerHandle | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        logger.info(
            "Uvicorn running on %s://%s:%d (Press CTRL+C to quit)",
            "https" if self.config.is_ssl else "http",
            host,
            self.config.port,
        )
        self._notify(READY)
        self._check()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: in place of uvicorn's own, whose steps take a tenth of a second each."""
        self._notify(ENDING)
        if self._before_drain is not None:
            await self._before_drain()
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._is_drained(self._drain_s):
            logger.error("%d connections are cut", len(self.server_state.connections))
            self._cut()
            await self._is_drained(LAST_WORDS_S)
        if self._checking is not None:
            self._checking.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _is_drained(self, limit_s: float) -> bool:
        """Whether all have been answered, and have gone, within the limit or before a second
        Ctrl-C."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while self.server_state.connections or self.server_state.tasks:
            if self.force_exit or asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(DRAIN_LOOK_S)
        return True

    def _cut(self) -> None:
        """They say so to their clients."""
        for connection in self._connections():
            connection.cut()
        for task in list(self.server_state.tasks):
            task.cancel("the drain is over")

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        self._notify(ALIVE)
        for connection in self._connections():
            try:
                connection.check(loop.time())
            except Exception:  # one connection must not end the bounds of all
                logger.exception("%s: closed by a fault of ours", connection.client)
                connection.transport.abort()
        self._checking = loop.call_later(self._bounds.check_s, self._check)

    def _connections(self) -> list[EdgeProtocol]:
        return [one for one in self.server_state.connections if isinstance(one, EdgeProtocol)]
