"""Completions: the client's bytes to a worker, the worker's bytes to the client.

What all requests share; one request is `forwarding`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from fastchat.core.tracing import Tracing
from fastchat.core.upstream import Upstream
from fastchat.dispatch import Table
from fastchat.gateway.admit import Gate
from fastchat.gateway.forwarding import Forwarding
from fastchat.gateway.migration import WAIT_S
from fastchat.gateway.old_wire import OldWire
from fastchat.gateway.passage import Account
from fastchat.gateway.pictures import Pictures
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from fastchat.relay import Relay
from fastchat.relay.asgi import answer
from fastchat.relay.client import Target
from fastchat.relay.work import Client, Head

# How often is looked after silent requests, and at what changes with time in the table.
LOOK_S = 0.25
NOBODY: tuple[int | None, Target | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Forwarder:
    """`report` hears of every dispatch, `account` of the end of every request, refused ones too.
    `token` opens the workers. A stream that is silent for `stall_s` after it began goes on at
    another worker if it can; one that is silent for `keep_alive_s` is kept alive by a comment,
    unless that is 0. Who has to ask again waits up to `wait_s` until it may. `pictures` that are
    named by URL are fetched before anybody is asked."""

    gate: Gate
    table: Table
    relay: Relay
    old_wire: OldWire
    report: Callable[[Dispatched], None]
    new_id: Callable[[], str]
    timeout_s: float
    token: str | None = field(repr=False)
    account: Account | None
    clock: Callable[[], float]
    stall_s: float
    keep_alive_s: float
    wait_s: float = WAIT_S
    tracing: Tracing | None = None
    pictures: Pictures = field(default_factory=Pictures)
    under_way: set[Forwarding] = field(default_factory=set)
    _targets: dict[str, tuple[int | None, Target | None]] = field(default_factory=dict)

    def to(self, path: bytes) -> "Endpoint":
        return Endpoint(self, path, path.decode(), self.gate.max_body_bytes)

    async def watch(self) -> None:
        """Look after silent requests and the table; never ends by itself."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self.clock()
            for one in list(self.under_way):
                one.look(now)
            self.table.refresh()

    def target(self, worker: WorkerEntry) -> Target:
        """Of this incarnation: connections to another, under the same address, are not its."""
        epoch, target = self._targets.get(worker.address, NOBODY)
        if target is None or epoch != worker.epoch:
            target = self.relay.anew(self._upstream(worker.address))
            self._targets[worker.address] = worker.epoch, target
        return target

    def _upstream(self, address: str) -> Upstream:
        upstream = Upstream.from_url(address)
        if self.token is None:
            return upstream
        bearer = (b"authorization", f"Bearer {self.token}".encode())
        return replace(upstream, headers=(bearer,))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the workers: below ASGI and as an application of it."""

    forwarder: Forwarder
    path: bytes
    name: str
    limit_bytes: int

    def open(self, head: Head, client: Client) -> Forwarding:
        return Forwarding(self, head, client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(self, scope, receive, send)
