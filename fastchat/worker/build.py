"""From flags to a service: the one place that sees the whole configuration. Loads the model."""

import logging
import time
import uuid
from dataclasses import fields

import aiohttp
import pynvml
from msgspec.structs import replace

from fastchat.client import ControllerClient
from fastchat.core.attended import Attended, TellsLoad
from fastchat.core.config import visible_gpus
from fastchat.core.generation import CountsTokens, Engine
from fastchat.core.json_lines import always_tell
from fastchat.core.losses import show_losses
from fastchat.core.tracing import Tracing
from fastchat.core.upstream import Relayable
from fastchat.engines.loading import load_engine
from fastchat.model.choice import chosen_template
from fastchat.model.template import NamedTemplate
from fastchat.protocol.cluster import COUNTS, RESUMES, WorkerStatus
from fastchat.relay import Limits, Relay
from fastchat.relay.edge import Service
from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.config import ShellFlags, WorkerConfig
from fastchat.worker.figures import WorkerFigures
from fastchat.worker.gpu import find_gpus
from fastchat.worker.legacy.routes import status
from fastchat.worker.registration import Announcer
from fastchat.worker.rehearsal import Rehearsal
from fastchat.worker.relaying import Relaying
from fastchat.worker.shell import Shell
from fastchat.worker.template import say_template

logger = logging.getLogger("model_worker")

_FOR_THE_ENGINE = frozenset(["embed_in_truncate", "enable_lora", "lora_modules"])

# Whoever asked gives up first; the servers of engines close an idle connection after 5 s, that of
# llama.cpp behind each stream.
ENGINE_LIMITS = Limits(silence_s=3600.0, keep_alive_s=4.0, reopens=True)


def build(config: WorkerConfig, worker_id: str) -> Service:
    names = config.served_names
    logger.info("Loading the model %s on worker %s ...", ", ".join(names), worker_id)
    slots = config.limit_worker_concurrency
    engine = load_engine(config, names=names, slots=slots, further=_own_flags(config))
    named = chosen_template(config.model_path, engine, config.conv_template)
    say_template(named, engine)
    service = assembled(
        config,
        engine,
        config.engine,
        slots=slots,
        worker_id=worker_id,
        named=named,
    )
    if config.engine == "scripted":
        service.app.add_middleware(Rehearsal)
    return service


def assembled(
    config: ShellFlags,
    engine: Engine,
    name: str,
    *,
    slots: int,
    worker_id: str,
    named: NamedTemplate | None = None,
    fetches_media: bool = False,
    figures: WorkerFigures | None = None,
) -> Service:
    """The worker around an engine, which has a name, and may fetch what requests name by URL.
    `figures` may have what only the engine's own builder knows."""
    if named is None and config.conv_template is not None:
        named = NamedTemplate.load(config.conv_template, engine)
    admission = Admission(slots, config.limit_worker_queue, time.monotonic)
    figures = figures or WorkerFigures()
    figures.show_load(admission)
    figures.show_gpus(find_gpus(pynvml, visible_gpus()))
    figures.show_identity(worker_id, tuple(engine.model_names), name)
    if isinstance(engine, Attended):
        figures.show_engine(engine)
    if isinstance(engine, TellsLoad):
        figures.show_engine_load(engine)
    always_tell(worker_id=worker_id, queue_length=lambda: admission.queue_length)
    shell = Shell(
        engine,
        admission,
        config.stream_interval,
        named,
        figures=figures,
        log_prompts=config.log_prompts,
    )
    figures.show_template(shell.template_facts)
    # The worker's start orders its incarnations; one host's clock is enough for one address.
    epoch = time.time_ns()

    def announce(session: aiohttp.ClientSession) -> Announcer:
        return Announcer(
            controller=ControllerClient(
                session, config.controller_address, token=config.cluster_token
            ),
            address=config.address,
            worker_id=worker_id,
            epoch=epoch,
            dialects=dialects(engine),
            interval_s=config.heart_beat_interval_s,
            status=lambda: _announced(shell),
        )

    tracing = _tracing(config, worker_id)
    show_losses(figures.figures, "worker", tracing)
    return create_service(
        Collaborators(
            shell=shell,
            announce=None if config.no_register else announce,
            token=config.cluster_token,
            max_body_bytes=config.max_body_bytes,
            metrics_port=config.metrics_port,
            wall_clock=time.time,
            new_id=_new_id,
            relaying=_relaying(config, shell, tracing, fetches_media=fetches_media),
            tracing=tracing,
        )
    )


def dialects(engine: Engine) -> tuple[str, ...]:
    """What a worker of ours speaks beyond the wire of 0.2.36."""
    resumes = "continuation" in engine.features and isinstance(engine, CountsTokens)
    return ("openai", COUNTS, RESUMES) if resumes else ("openai", COUNTS)


def _announced(shell: Shell) -> WorkerStatus:
    """With what a controller of ours uses to refuse in our place when all workers are full."""
    admission = shell.admission
    return replace(status(shell), capacity=admission.capacity, wait_s=admission.wait_when_full_s)


def _own_flags(config: WorkerConfig) -> list[str]:
    """What is for the engine alone, as are the flags that a command of its own adds."""
    shared = {field.name for field in fields(WorkerConfig)} - _FOR_THE_ENGINE
    return [field.name for field in fields(config) if field.name not in shared]


def _tracing(config: ShellFlags, worker_id: str) -> Tracing | None:
    if config.otlp_endpoint is None:
        return None
    from fastchat.client.otlp import tracing

    return tracing(config.otlp_endpoint, "model_worker", worker_id)


def _relaying(
    config: ShellFlags, shell: Shell, tracing: Tracing | None, *, fetches_media: bool
) -> Relaying | None:
    if not isinstance(shell.engine, Relayable):
        return None
    return Relaying(
        shell=shell,
        engine=shell.engine,
        relay=Relay(ENGINE_LIMITS),
        token=config.cluster_token,
        max_body_bytes=config.max_body_bytes,
        new_id=_new_id,
        wall_clock=time.time,
        tracing=tracing,
        fetches_media=fetches_media,
    )


def _new_id() -> str:
    return uuid.uuid4().hex
