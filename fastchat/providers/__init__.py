"""Remote inference: each provider is `create(endpoint, session, silence_s) -> Engine`, by name."""

from collections.abc import Callable

import aiohttp

from fastchat.core.generation import Engine
from fastchat.core.registry import Registry
from fastchat.providers.endpoint import Endpoint

Create = Callable[[Endpoint, aiohttp.ClientSession, float], Engine]

PROVIDERS: Registry[Create] = Registry(
    "provider",
    {
        "anthropic": "fastchat.providers.anthropic:create",
        "gemini": "fastchat.providers.gemini:create",
        "gone": "fastchat.providers.gone:create",
        "openai": "fastchat.providers.openai_like:create",
        "openai_responses": "fastchat.providers.responses:create",
    },
    group="fastchat.providers",
)

__all__ = ["PROVIDERS", "Create", "Endpoint"]
