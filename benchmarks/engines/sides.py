"""The two sides: an engine's own server; API server and worker in front of it. And two nginx."""

import argparse
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks.engines.streams import MODEL
from benchmarks.gateway import nginx
from benchmarks.gateway.environments import NotRun
from benchmarks.gateway.processes import running
from benchmarks.transformers.models import SHAPES, make_shape
from fastchat.core.config import cache_folder, environment
from fastchat.engines.served import ROWS, Options
from fastchat.engines.served.command import command, slots
from fastchat.model.weights import DEFAULT_MODEL, resolve
from tests.engines.served.workers import process, wait_until
from tests.servers import free_port
from tools.convert_smollm2 import FOLDER

# The engine's figures have the streams of the other side for a second after their end, and the
# stack would be told that it is full.
ROOM = ("--limit-worker-queue", "1000")
START_S = 900


@dataclass(frozen=True, slots=True)
class Sides:
    """Ports. `without_nginx` says why there is none."""

    engine: int
    stack: int
    nginx: int | None
    without_nginx: str = ""


@contextmanager
def opened(folder: Path, name: str, args: argparse.Namespace, python: str) -> Iterator[Sides]:
    """`python` runs the stack."""
    with ExitStack() as stack:
        options = _vllm(folder, args) if name == "vllm" else _llama_server()
        engine = stack.enter_context(_engine(folder / "engine.log", options))
        in_front = stack.enter_context(in_front_of(folder, name, engine, slots(options), python))
        hops, why = None, ""
        try:
            hops = stack.enter_context(two_nginx(folder, engine))
        except NotRun as reason:
            why = f"not run: {reason}"
        yield Sides(engine, in_front, hops, why)


@contextmanager
def in_front_of(folder: Path, name: str, engine: int, at_once: int, python: str) -> Iterator[int]:
    with ExitStack() as stack:
        controller = stack.enter_context(process(folder, "controller", ready="/test_connection"))
        here = ("--controller-address", controller.url)
        worker = (
            *("--engine-url", f"http://127.0.0.1:{engine}", "--model-names", MODEL, *ROOM, *here),
            # As if it had started the engine: who only has an address takes its usual number.
            *("--limit-worker-concurrency", str(at_once)),
        )
        stack.enter_context(process(folder, f"{name}_worker", *worker, python=python))
        gateway = stack.enter_context(process(folder, "openai_api_server", *here, python=python))
        wait_until(lambda: MODEL in gateway.get("/v1/models").text)
        yield int(urlsplit(gateway.url).port or 0)


@contextmanager
def two_nginx(folder: Path, engine: int) -> Iterator[int]:
    """The port of one that passes on to another, which passes on to the engine. They may run on
    every core, as the stack may."""
    cores = sorted(os.sched_getaffinity(0))
    upstream = engine
    with ExitStack() as stack:
        for name in ("inner", "outer"):
            place, port = folder / f"nginx-{name}", free_port()
            place.mkdir()
            log = folder / f"nginx-{name}.log"
            stack.enter_context(running(nginx.command(place, port, upstream), log, cores))
            wait_until(lambda port=port: _is_well(port))  # type: ignore[misc]
            upstream = port
        yield upstream


@contextmanager
def _engine(log: Path, options: Options) -> Iterator[int]:
    """The engine's own server by itself; its port."""
    port = free_port()
    made = command(options, port, "")
    variables = {**made.environment, "VLLM_CPU_KVCACHE_SPACE": "1"}
    for key in ("VLLM_API_KEY", "LLAMA_API_KEY"):
        variables.pop(key, None)
    with log.open("wb") as file:
        child = subprocess.Popen(made.argv, env=variables, stdout=file, stderr=file)
    try:
        wait_until(lambda: child.poll() is not None or _is_well(port), START_S)
        if child.poll() is not None:
            said = log.read_text(errors="replace")[-4000:]
            raise SystemExit(f"{options.row.title} ended by itself: {made}\n{said}")
        yield port
    finally:
        child.terminate()
        child.wait(60)


def _vllm(folder: Path, args: argparse.Namespace) -> Options:
    model = cache_folder() / FOLDER
    if args.vllm_shape is not None:
        model = folder / "model"
        make_shape(SHAPES[args.vllm_shape], model)
    return Options(
        row=ROWS["vllm"],
        names=(MODEL,),
        model=str(model),
        python=Path(environment()["VLLM_PYTHON"]),
        context_length=2048,
        arguments=tuple(shlex.split(args.vllm_arguments)),
        environment=environment(),
    )


def _llama_server() -> Options:
    return Options(
        row=ROWS["llama_server"],
        names=(MODEL,),
        model=str(resolve(DEFAULT_MODEL, cache=cache_folder())),
        arguments=("--parallel", "32", "--ctx-size", "512", "--threads-http", "96"),
        environment=environment(),
    )


def _is_well(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
