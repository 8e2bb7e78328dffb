"""What a front-end works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from fastchat.client import WorkerClient
from fastchat.dispatch import Table
from fastchat.gateway.aborting import Aborting
from fastchat.gateway.admit import Gate
from fastchat.gateway.callers import Caller
from fastchat.gateway.forward import Forwarder
from fastchat.protocol.arena import VoteAnswer, VoteRequest


class Ledger(Protocol):
    """Works beside the requests; `gateway.stored_keys` has the one there is."""

    async def run(self) -> None: ...

    async def aclose(self) -> None: ...


class Sharing(Protocol):
    """Tells other processes, and hears from them; `providers.sharing` has the one there is."""

    async def run(self) -> None: ...

    def tell(self) -> None: ...


class Arena(Protocol):
    """Takes votes, and works beside the requests; `gateway.arena` has the one there is."""

    async def run(self) -> None: ...

    async def vote(self, asked: VoteRequest, caller: Caller | None, address: str) -> VoteAnswer: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """`worker(address)` is a client of that worker; `is_alive` asks whether one is there;
    `wall_clock` counts seconds since 1970. `ledger` keeps keys and usage, `arena` votes, where they
    are kept; `sharing` is of the quotas of providers."""

    gate: Gate
    table: Table
    forwarder: Forwarder
    aborting: Aborting
    worker: Callable[[str], WorkerClient]
    is_alive: Callable[[str], Awaitable[bool]]
    wall_clock: Callable[[], float]
    ledger: Ledger | None = None
    arena: Arena | None = None
    sharing: Sharing | None = None

    @property
    def authorized(self) -> Callable[[Request], Awaitable[None]]:
        """A FastAPI dependency that lets in who shows a key."""

        async def check(request: Request) -> None:
            self.gate.admit_head(dict(request.scope["headers"]))

        return check
