"""The weights of a built-in model, before anybody waits for them."""

import sys
from dataclasses import dataclass

from fastchat.core.config import cache_folder, flag
from fastchat.model.weights import BUILT_IN, DEFAULT_MODEL, fetch_built_in
from fastchat.terminal.progress import Bar


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """Download the weights of a built-in model into the cache, unless they are there.

    Their hash is checked. A download that was interrupted leaves nothing behind; one that was
    killed is tidied up by the next. The cache is $FASTCHAT_CACHE, or fastchat in $XDG_CACHE_HOME or
    ~/.cache.

    Examples:

        fastchat fetch
        fastchat fetch smollm2-135m-instruct --verify
    """

    name: str = flag(
        DEFAULT_MODEL,
        positional=True,
        help="which model",
        choices=lambda: list(BUILT_IN),
        metavar="NAME",
    )
    verify: bool = flag(
        False, help="read what is in the cache again, and fetch it again if it is damaged"
    )


def fetch(config: FetchConfig) -> None:
    """Raises `ConfigError`."""
    with Bar(sys.stderr, config.name) as bar:
        path = fetch_built_in(
            config.name, cache=cache_folder(), progress=bar.update, verify=config.verify
        )
    sys.stdout.write(f"{config.name} is in {path}\n")
