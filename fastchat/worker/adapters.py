"""Adapters (LoRA) are added and removed while the worker runs, as vLLM spells it."""

from ipaddress import ip_address

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import NoPermission, Unsupported
from fastchat.core.generation import Adapts, Engine
from fastchat.protocol.cluster import ModelList, Name
from fastchat.protocol.codec import decode
from fastchat.relay.edge import json_response


class LoadAdapter(msgspec.Struct, frozen=True, kw_only=True):
    lora_name: Name
    lora_path: str


class UnloadAdapter(msgspec.Struct, frozen=True, kw_only=True):
    lora_name: Name


def routes(engine: Engine, *, guarded: bool) -> APIRouter:
    """`guarded`: nobody comes here without the cluster token."""
    router = APIRouter()

    @router.post("/v1/load_lora_adapter")
    async def load(request: Request) -> Response:
        _check_caller(request, guarded=guarded)
        asked = decode(await request.body(), LoadAdapter)
        await _adapting(engine).add_adapter(asked.lora_name, asked.lora_path)
        return _served(engine)

    @router.post("/v1/unload_lora_adapter")
    async def unload(request: Request) -> Response:
        _check_caller(request, guarded=guarded)
        asked = decode(await request.body(), UnloadAdapter)
        await _adapting(engine).remove_adapter(asked.lora_name)
        return _served(engine)

    return router


def _served(engine: Engine) -> Response:
    return json_response(ModelList(models=list(engine.model_names)))


def _adapting(engine: Engine) -> Adapts:
    if not isinstance(engine, Adapts):
        raise Unsupported(["adapters"], model=engine.model_names[0])
    return engine


def _check_caller(request: Request, *, guarded: bool) -> None:
    """Without a token only who sits at this machine, and no page that a browser shows there."""
    if guarded:
        return
    caller = request.client.host if request.client else ""
    if "origin" in request.headers or not _is_loopback(caller):
        raise NoPermission(
            "Adapters are changed from the worker's own machine, or with the cluster token "
            "(FASTCHAT_CLUSTER_TOKEN)."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
