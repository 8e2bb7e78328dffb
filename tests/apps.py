"""Our applications with collaborators of a test's own."""

import time
from collections.abc import Callable, Iterable

from fastapi import FastAPI

from fastchat.client import Neighbours
from fastchat.core.generation import Engine
from fastchat.core.tracing import Tracing
from fastchat.dispatch import DispatchedEngine, Following, Table
from fastchat.gateway.aborting import Aborting
from fastchat.gateway.admit import Gate
from fastchat.gateway.app import create_service as create_gateway
from fastchat.gateway.arena import Arena
from fastchat.gateway.context import Context
from fastchat.gateway.cors import Cors
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.forward import Forwarder
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.old_wire import OldWire
from fastchat.gateway.passage import Account
from fastchat.gateway.pictures import Pictures
from fastchat.gateway.remote import Remote
from fastchat.protocol.cluster import Dispatched
from fastchat.providers.opening import RemoteModel
from fastchat.relay import Limits, Relay
from fastchat.relay.edge import Service
from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.servers import free_port


def gateway_service(
    table: Table,
    *,
    report: Callable[[Dispatched], None],
    keys: KeyRing | None = None,
    timeout_s: float = 30,
    account: Account | None = None,
    stall_s: float = 20,
    keep_alive_s: float = 5,
    wait_s: float = 0.2,
    controller: str | None = None,
    remote: Iterable[RemoteModel] = (),
    figures: GatewayFigures | None = None,
    token: str | None = None,
    pictures: Pictures | None = None,
    arena: Callable[[Engine], Arena] | None = None,
    tracing: Tracing | None = None,
) -> Service:
    """An API server that asks the workers of `table`; without a controller it follows none.
    `arena` is told who asks them."""
    gate = Gate(keys or KeyRing.of([]), 100_000, time.monotonic, time.time)
    neighbours = Neighbours(controller or f"http://127.0.0.1:{free_port()}", None, timeout_s)
    others = Remote(remote, neighbours)
    fights = arena and arena(DispatchedEngine(table, report, others.engine))
    if fights is not None:
        others.add(fights.entry, fights.pair)
    for entry in others.entries():
        table.keep(entry)
    forwarder = Forwarder(
        gate=gate,
        table=table,
        relay=Relay(Limits(silence_s=timeout_s)),
        old_wire=OldWire(others.engine, lambda: 5),
        report=report,
        new_id=lambda: "new-id",
        timeout_s=timeout_s,
        token=None,
        account=account,
        clock=time.monotonic,
        stall_s=stall_s,
        keep_alive_s=keep_alive_s,
        wait_s=wait_s,
        pictures=pictures or Pictures(),
        tracing=tracing,
    )
    context = Context(
        gate=gate,
        table=table,
        forwarder=forwarder,
        aborting=Aborting(under_way=forwarder.under_way, keys=gate.keys, token=token),
        worker=neighbours.worker,
        is_alive=others.is_alive,
        wall_clock=lambda: 5,
        arena=fights,
    )
    cors = Cors(credentials=False, origins=("*",), methods=("*",), headers=("*",))
    return create_gateway(
        context, neighbours, Following(table), cors, figures or GatewayFigures(lambda _: True)
    )


def worker_app(
    engine: Engine, *, slots: int = 2, log_prompts: bool = False, tracing: Tracing | None = None
) -> FastAPI:
    """A worker that registers nowhere."""
    parts = Collaborators(
        shell=Shell(
            engine, Admission(slots, 1, lambda: 0.0), stream_interval=1, log_prompts=log_prompts
        ),
        announce=None,
        token=None,
        wall_clock=lambda: 1234.5,
        new_id=lambda: "id",
        tracing=tracing,
    )
    return create_service(parts).app
