"""API dialects, each a folder with `routes(context) -> APIRouter`."""

from collections.abc import Callable

from fastapi import APIRouter

from fastchat.core.registry import Registry
from fastchat.gateway.context import Context

FRONTENDS: Registry[Callable[[Context], APIRouter]] = Registry(
    "API front-end",
    {
        "arena": "fastchat.gateway.frontends.arena.routes:routes",
        "anthropic": "fastchat.gateway.frontends.anthropic.routes:routes",
        "legacy": "fastchat.gateway.frontends.legacy.routes:routes",
        "models": "fastchat.gateway.frontends.openai.models:routes",
        "openai": "fastchat.gateway.frontends.openai.routes:routes",
    },
    group="fastchat.frontends",
)

__all__ = ["FRONTENDS"]
