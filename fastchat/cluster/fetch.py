"""Weights are fetched before anything is started, so that a worker never waits for the network."""

import asyncio
import glob
from collections.abc import Callable, Iterable
from functools import partial

from fastchat.cluster.plan import ProcessSpec
from fastchat.cluster.report import Reporter
from fastchat.core.config import cache_folder
from fastchat.core.threads import in_daemon_thread
from fastchat.model.weights import is_hub_id, resolve

Resolve = Callable[..., object]


def local_weights(specs: Iterable[ProcessSpec]) -> dict[str, str]:
    """By process. A model from a hub is its engine's to fetch."""
    return {
        spec.name: spec.weights
        for spec in specs
        if spec.weights is not None and not is_hub_id(spec.weights)
    }


async def fetch_weights(
    paths: Iterable[str], report: Reporter, stop: asyncio.Event, *, resolve: Resolve = resolve
) -> bool:
    """False when `stop` came first. Raises `ConfigError` for a model that is nowhere."""
    fetching = asyncio.create_task(_fetch(paths, report, resolve))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([fetching, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():  # Ctrl-C may have ended the download as well, which is no error then
            return False
        fetching.result()
        return True
    finally:
        stopping.cancel()
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


def weights_bytes(model_path: str) -> int:
    """The size of weights that are here: of all parts of a file, or of a checkpoint's folder."""
    path = resolve(model_path, cache=cache_folder())
    if path.is_dir():
        parts = [*path.glob("*.safetensors")] or [*path.glob("*.bin")]
    else:
        parts = [*path.parent.glob(glob.escape(path.name).replace("-00001-of-", "-?????-of-"))]
    return sum(part.stat().st_size for part in parts)


async def _fetch(paths: Iterable[str], report: Reporter, resolve: Resolve) -> None:
    for path in dict.fromkeys(paths):
        progress = partial(report.download, path)
        await in_daemon_thread(partial(resolve, path, cache=cache_folder(), progress=progress))
