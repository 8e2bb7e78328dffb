"""What a front-end works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from fastchat.client import WorkerClient
from fastchat.dispatch import Table
from fastchat.gateway.admit import Gate
from fastchat.gateway.forward import Forwarder


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """`worker(address)` is a client of that worker; `is_alive` asks whether one is there;
    `wall_clock` counts seconds since 1970."""

    gate: Gate
    table: Table
    forwarder: Forwarder
    worker: Callable[[str], WorkerClient]
    is_alive: Callable[[str], Awaitable[bool]]
    wall_clock: Callable[[], float]

    @property
    def authorized(self) -> Callable[[Request], Awaitable[None]]:
        """A FastAPI dependency that lets in who shows a key."""

        async def check(request: Request) -> None:
            self.gate.admit_head(dict(request.scope["headers"]))

        return check
