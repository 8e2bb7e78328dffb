"""From flags to an application: the one place that sees the whole configuration."""

import itertools
import random
import time
import tomllib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from fastchat.client import Neighbours
from fastchat.core.config import words
from fastchat.core.errors import ConfigError
from fastchat.dispatch import Following, Routes, Table
from fastchat.dispatch.figures import show_table
from fastchat.dispatch.routes import NO_ROUTES, parse_routes
from fastchat.gateway.admit import Gate
from fastchat.gateway.app import Cors, create_service
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.context import Context
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.forward import Forwarder
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.old_wire import OldWire
from fastchat.gateway.passage import each, log
from fastchat.gateway.remote import Remote
from fastchat.gateway.shares import Shares
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.relay import Limits, Relay
from fastchat.relay.edge import Service


def build(config: GatewayConfig, shares: Shares | None = None) -> Service:
    """`shares` is what this process has in common with others on the same port."""
    routes = _routes(config.routes)
    table = Table(time.monotonic, random.Random(), complete=False, routes=routes)
    following = Following(table)
    gate = Gate(KeyRing.of(_keys(config)), config.max_body_bytes)
    neighbours = Neighbours(
        config.controller_address, config.cluster_token, config.worker_timeout_s
    )
    figures = GatewayFigures(lambda model: table.serves(model, excluding=()))
    remote = Remote(_remote_models(config), neighbours)
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
        account=each(figures.account, log) if config.log_requests else figures.account,
        clock=time.monotonic,
        stall_s=config.stream_stall_s,
        keep_alive_s=config.keep_alive_s,
    )
    figures.show(in_flight=lambda: len(forwarder.under_way), held_back=lambda: table.held_back)
    show_table(figures.figures, "gateway", table, following)
    context = Context(
        gate=gate,
        table=table,
        forwarder=forwarder,
        worker=neighbours.worker,
        is_alive=remote.is_alive,
        wall_clock=time.time,
    )
    cors = Cors(
        credentials=config.allow_credentials,
        origins=config.allowed_origins,
        methods=config.allowed_methods,
        headers=config.allowed_headers,
    )
    service = create_service(context, neighbours, following, cors, figures, shares)
    return service if config.relay == "below-asgi" else replace(service, endpoints={})


def _remote_models(config: GatewayConfig) -> Sequence[RemoteModel]:
    if config.register_api_endpoint_file is None:
        if config.price_file is not None:
            raise ConfigError("--price-file belongs to --register-api-endpoint-file")
        return ()
    return remote_models(config.register_api_endpoint_file, config.price_file)


def request_ids() -> Callable[[], str]:
    """Ids that no other process gives out, at a tenth of the price of random ones."""
    prefix = uuid.uuid4().hex[:20]
    numbers = itertools.count()
    return lambda: f"{prefix}{next(numbers):012x}"


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
