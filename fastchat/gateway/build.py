"""From flags to an application: the one place that sees the whole configuration."""

import itertools
import logging
import random
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastchat.client import Neighbours
from fastchat.core.board import FindPlace, lone
from fastchat.core.config import words
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.core.losses import show_losses
from fastchat.core.tracing import Tracing
from fastchat.dispatch import DispatchedEngine, Following, Routes, Table
from fastchat.dispatch.figures import show_table
from fastchat.dispatch.routes import NO_ROUTES, parse_routes
from fastchat.gateway.aborting import Aborting
from fastchat.gateway.addresses import Hosts
from fastchat.gateway.admit import Gate
from fastchat.gateway.app import create_service
from fastchat.gateway.callers import Rate
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.context import Context
from fastchat.gateway.cors import Cors
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.forward import Forwarder
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.old_wire import OldWire
from fastchat.gateway.passage import Account, each, log
from fastchat.gateway.pictures import Pictures
from fastchat.gateway.remote import Remote
from fastchat.gateway.shares import Shares
from fastchat.gateway.tracing import tracer
from fastchat.providers.figures import show_spend
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.providers.prices import Prices, read_prices
from fastchat.providers.sharing import Sharing
from fastchat.relay import Limits, Relay
from fastchat.relay.edge import Service

if TYPE_CHECKING:
    from fastchat.gateway.arena import Arena
    from fastchat.gateway.stored_keys import Ledger
    from fastchat.storage import Database

logger = logging.getLogger("openai_api_server")

IDS_AT_ONCE = 256


def build(config: GatewayConfig, shares: Shares | None = None) -> Service:
    """`shares` is what this process has in common with others on the same port."""
    routes = _routes(config.routes)
    find_place = lone if shares is None else shares.place
    table = Table(
        time.monotonic,
        random.Random(),
        complete=False,
        routes=routes,
        find_place=None if shares is None else shares.place,
    )
    following = Following(table)
    ring = KeyRing.of(_keys(config), _rate(config), find_place)
    gate = Gate(ring, config.max_body_bytes, time.monotonic, time.time)
    models = _remote_models(config)
    prices = _prices(config.price_file, models)
    ledger = _ledger(config, ring, prices, find_place) if config.has_database else None
    neighbours = Neighbours(
        config.controller_address, config.cluster_token, config.worker_timeout_s
    )
    figures = GatewayFigures(lambda model: table.serves(model, excluding=()), prices)
    show_spend(figures.figures, models)
    remote = Remote(models, neighbours)
    tracing = _tracing(config, 0 if shares is None else shares.number)
    arena = None
    if ledger is not None and config.arena:
        asking = DispatchedEngine(table, following.report, remote.engine)
        arena = _arena(config, table, asking, ledger.database, figures)
        remote.add(arena.entry, arena.pair)
    for entry in remote.entries():
        table.keep(entry)
    forwarder = Forwarder(
        gate=gate,
        table=table,
        relay=Relay(Limits(silence_s=config.worker_timeout_s)),
        old_wire=OldWire(remote.engine, time.time),
        report=following.report,
        new_id=request_ids(),
        timeout_s=config.worker_timeout_s,
        token=config.cluster_token,
        account=_account(figures, ledger, tracing, logs=config.log_requests),
        clock=time.monotonic,
        stall_s=config.stream_stall_s,
        keep_alive_s=config.keep_alive_s,
        pictures=Pictures(hosts=Hosts(config.image_hosts)),
        tracing=tracing,
    )
    figures.show(in_flight=lambda: len(forwarder.under_way), held_back=lambda: table.held_back)
    show_table(figures.figures, "gateway", table, following)
    show_losses(figures.figures, "gateway", tracing)
    context = Context(
        gate=gate,
        table=table,
        forwarder=forwarder,
        aborting=Aborting(
            under_way=forwarder.under_way,
            keys=ring,
            token=config.cluster_token,
            folder=None if shares is None else shares.folder,
            number=0 if shares is None else shares.number,
        ),
        worker=neighbours.worker,
        is_alive=remote.is_alive,
        wall_clock=time.time,
        ledger=ledger,
        arena=arena,
        sharing=_sharing(models, ledger.database) if ledger is not None and models else None,
    )
    cors = Cors(
        credentials=config.allow_credentials,
        origins=config.allowed_origins,
        methods=config.allowed_methods,
        headers=config.allowed_headers,
    )
    service = create_service(context, neighbours, following, cors, figures, shares)
    return service if config.relay == "below-asgi" else replace(service, endpoints={})


def _rate(config: GatewayConfig) -> Rate | None:
    if config.rate_limit is None:
        return None
    if config.api_keys is None and config.api_keys_file is None and not config.has_database:
        raise ConfigError(
            "--rate-limit counts by key, and there are none: `fastchat keys add NAME` makes one"
        )
    return Rate(config.rate_limit, config.rate_burst)


def _ledger(
    config: GatewayConfig, ring: KeyRing, prices: Prices, find_place: FindPlace
) -> "Ledger":
    """Imported here: who keeps nothing needs no database's library."""
    from fastchat.gateway.stored_keys import Ledger
    from fastchat.storage import Database

    ledger = Ledger(
        database=Database.open(config.database.text),
        ring=ring,
        prices=prices,
        wall_clock=time.time,
        default_rate=_rate(config),
        find_place=find_place,
    )
    ledger.begin()
    logger.info("keys and usage are in %r", config.database)
    return ledger


def _sharing(models: Sequence[RemoteModel], database: "Database") -> Sharing:
    from fastchat.storage.quotas import QuotaShares

    shares = QuotaShares(database, time.time)
    return Sharing.of(models, shares, uuid.uuid4().hex, time.time)


def _arena(
    config: GatewayConfig,
    table: Table,
    engine: Engine,
    database: "Database",
    figures: GatewayFigures,
) -> "Arena":
    from fastchat.arena.figures import ArenaFigures
    from fastchat.gateway.arena import Arena

    return Arena(
        database=database,
        engine=engine,
        entries=table.entries,
        models=config.arena_models,
        draw=config.draw,
        figures=ArenaFigures(figures.figures, kinds=("api",)),
        rng=random.SystemRandom(),
        new_id=lambda: uuid.uuid4().hex,
        wall_clock=time.time,
    )


def _account(
    figures: GatewayFigures, ledger: "Ledger | None", tracing: Tracing | None, *, logs: bool
) -> Account:
    return each(
        figures.account,
        *([] if ledger is None else [ledger.account]),
        *([] if tracing is None else [tracer(tracing)]),
        *([log] if logs else []),
    )


def _remote_models(config: GatewayConfig) -> Sequence[RemoteModel]:
    if config.register_api_endpoint_file is None:
        return ()
    return remote_models(config.register_api_endpoint_file, config.price_file)


def _prices(path: Path | None, models: Sequence[RemoteModel]) -> Prices:
    """A provider's model may be served under a name of ours: its price is known by that too."""
    own = {one.endpoint.name: one.quota.price for one in models if one.quota.price is not None}
    return {**read_prices(path), **own}


def _tracing(config: GatewayConfig, number: int) -> Tracing | None:
    """`number` is that of this process among those of the port: figures of two are not one."""
    if config.otlp_endpoint is None:
        return None
    from fastchat.client.otlp import tracing

    instance = f"{config.host}:{config.port}/{number}"
    return tracing(config.otlp_endpoint, "openai_api_server", instance)


def request_ids() -> Callable[[], str]:
    """Ids that no other process gives out, made many at a time: at a small part of the price of
    random ones."""

    def ids() -> Iterator[str]:
        prefix = uuid.uuid4().hex[:20]
        for first in itertools.count(step=IDS_AT_ONCE):
            yield from [f"{prefix}{first + number:012x}" for number in range(IDS_AT_ONCE)]

    return ids().__next__


def _routes(path: Path | None) -> Routes:
    if path is None:
        return NO_ROUTES
    try:
        return parse_routes(tomllib.loads(path.read_text()))
    except (OSError, ValueError) as error:  # not TOML, not text, not routes
        raise ConfigError(f"--routes {path}: {error}") from None


def _keys(config: GatewayConfig) -> tuple[str, ...]:
    if config.api_keys is not None and not config.api_keys:
        raise ConfigError("--api-keys (or FASTCHAT_API_KEYS) was given and holds no key")
    given = config.api_keys or ()
    if config.api_keys_file is None:
        return given
    try:
        listed = words(config.api_keys_file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--api-keys-file {config.api_keys_file}: {error}") from None
    if not listed:
        raise ConfigError(f"--api-keys-file {config.api_keys_file} holds no key")
    return (*given, *listed)
