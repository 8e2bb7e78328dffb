"""A chat with a model of a running platform."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from fastchat.client import OpenAIEngine
from fastchat.core.config import flag, words
from fastchat.core.errors import ConfigError, InvalidKey, NoWorker, PlatformError
from fastchat.core.values import http_url
from fastchat.terminal.chat.persisting import PersistingEngine
from fastchat.terminal.chat.talking import TalkFlags, partner_for, talk
from fastchat.terminal.styles import STYLES
from fastchat.terminal.styles.text import visible

DEFAULT_API = "http://127.0.0.1:8000"


@dataclass(frozen=True, kw_only=True)
class ApiFlags:
    """Where the platform is, and the key that it wants."""

    api: str = flag(
        DEFAULT_API, help="URL of the API server", env="FASTCHAT_API", metavar="URL", parse=http_url
    )
    api_key: str | None = flag(
        None,
        help="key that the API server wants; better set by the environment or a file",
        env="FASTCHAT_API_KEY",
        metavar="KEY",
        secret=True,
    )
    api_key_file: Path | None = flag(None, help="file with that key", metavar="FILE")

    def key(self) -> str | None:
        """Raises `ConfigError`."""
        if self.api_key_file is None:
            return self.api_key
        try:
            keys = words(self.api_key_file.expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--api-key-file {self.api_key_file}: {error}") from None
        if not keys:
            raise ConfigError(f"--api-key-file {self.api_key_file} is empty: write a key into it")
        return keys[0]


@dataclass(frozen=True, kw_only=True)
class ChatConfig(TalkFlags, ApiFlags):
    """Chat in the terminal with a model of a running platform.

    Ctrl-C stops an answer and keeps what was said; Ctrl-D or an empty message ends the chat; !!help
    lists what else can be typed. When the API server starts again, or an answer breaks off, the
    chat goes on by itself as soon as it can. `fastchat up` starts a platform.

    Examples:

        fastchat chat
        fastchat chat --model smollm2-135m-instruct --style simple
        FASTCHAT_API_KEY=... fastchat chat --api http://gpu1:8000
    """

    model: str | None = flag(None, help="which model (default: the one there is)", metavar="NAME")
    style: str = flag(
        "rich",
        help="rich: Markdown, editing and history; simple: plain lines; programmatic: for programs",
        choices=STYLES.names,
    )


async def chat(config: ChatConfig) -> None:
    """Raises `ConfigError`."""
    key = config.key()
    async with aiohttp.ClientSession() as session:
        served = await served_models(session, config.api, key)
        model = _chosen(config.model, served, config.api)
        server = OpenAIEngine(session, config.api, [model], token=key, resumes=True)
        engine = PersistingEngine(server, _tell, time.monotonic)
        await talk(partner_for(engine, config), config)


def _tell(text: str) -> None:
    """Beside the answer, not in it."""
    sys.stderr.write(f"\n{visible(text)}\n")


async def served_models(session: aiohttp.ClientSession, api: str, key: str | None) -> list[str]:
    """Raises `ConfigError` that says what to start or to set."""
    try:
        return await OpenAIEngine(session, api, [], token=key).models()
    except NoWorker:
        raise ConfigError(
            f"nothing answers at {api}: start the platform with `fastchat up`, or name another "
            "place with --api"
        ) from None
    except InvalidKey:
        raise ConfigError(
            f"{api} wants an API key: set FASTCHAT_API_KEY, or give --api-key-file"
        ) from None
    except PlatformError as error:
        raise ConfigError(f"{api} does not say which models it serves: {error.message}") from None


def _chosen(wanted: str | None, served: list[str], api: str) -> str:
    names = ", ".join(served)
    if wanted in served:
        return wanted
    if wanted is not None:
        raise ConfigError(f"{api} serves no model {wanted!r}: choose from {names or 'none'}")
    if len(served) == 1:
        return served[0]
    if not served:
        raise ConfigError(f"{api} serves no model yet: start a worker, or wait until it is ready")
    raise ConfigError(f"{api} serves several models: choose one with --model: {names}")
