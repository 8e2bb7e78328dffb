"""What a page stands on: who answers, and where it is kept and counted what they did."""

import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastchat.client import Neighbours
from fastchat.core.losses import show_losses
from fastchat.core.metrics import Figures
from fastchat.core.tracing import Tracing
from fastchat.dispatch import DispatchedEngine, Following, Table
from fastchat.dispatch.figures import show_table
from fastchat.providers.figures import show_spend
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.providers.sharing import Sharing
from fastchat.storage import Database
from fastchat.storage.quotas import QuotaShares
from fastchat.webui.config import PageConfig
from fastchat.webui.models import PageEngine


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """`database` None keeps nothing."""

    table: Table
    following: Following
    neighbours: Neighbours
    database: Database | None = None
    figures: Figures = field(default_factory=Figures)
    remote: Mapping[str, RemoteModel] = field(default_factory=dict)
    worker_timeout_s: float = 100.0
    tracing: Tracing | None = None

    def engine(self) -> PageEngine:
        workers = DispatchedEngine(self.table, self.following.report, self.neighbours.engine)
        return PageEngine(
            workers,
            self.table.workers,
            self.remote,
            lambda model: model.open(self.neighbours.session, self.worker_timeout_s),
            self.tracing,
        )

    def sharing(self) -> Sharing | None:
        """Of the quotas of providers, with API servers over the same database."""
        if self.database is None or not self.remote:
            return None
        shares = QuotaShares(self.database, time.time)
        return Sharing.of(self.remote.values(), shares, uuid.uuid4().hex, time.time)

    def tell(self) -> None:
        """In the metrics: the workers that are known, what providers cost, what is not told."""
        show_table(self.figures, "page", self.table, self.following)
        show_losses(self.figures, "page", self.tracing)
        show_spend(self.figures, self.remote.values())


def backend(config: PageConfig) -> Backend:
    # Without a controller no workers are still to be heard of.
    table = Table(time.monotonic, random.Random(), complete=not config.controller_address)
    timeout_s = config.worker_timeout_s
    return Backend(
        table=table,
        following=Following(table),
        neighbours=Neighbours(config.controller_address, config.cluster_token, timeout_s),
        database=Database.open(config.database.text),
        remote=_remote(config.register_api_endpoint_file, config.price_file),
        worker_timeout_s=timeout_s,
        tracing=_tracing(config),
    )


def _tracing(config: PageConfig) -> Tracing | None:
    if config.otlp_endpoint is None:
        return None
    from fastchat.client.otlp import tracing

    return tracing(config.otlp_endpoint, "gradio_web_server", f"{config.host}:{config.port}")


def _remote(path: Path | None, price_file: Path | None) -> Mapping[str, RemoteModel]:
    if path is None:
        return {}
    return {one.endpoint.name: one for one in remote_models(path, price_file)}
