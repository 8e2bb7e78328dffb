"""From flags to an application: the one place that sees the whole configuration."""

import random
import time

from fastchat.controller.app import create_service
from fastchat.controller.config import ControllerConfig
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.core.losses import show_lost_lines
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay
from fastchat.relay.edge import Service


def build(config: ControllerConfig) -> Service:
    # How requests went is not heard here: what workers claim has to be believed.
    table = Table(time.monotonic, random.Random(), config.dispatch_method, trusts_claims=True)
    pool = WorkerPool(table, time.monotonic, config.heart_beat_expiration_s, time.time_ns())
    show_lost_lines(pool.figures.figures, "controller")
    relay = Relay(Limits(silence_s=config.worker_timeout_s))
    return create_service(pool, relay, Trust(config.cluster_token))
