"""Adapters (LoRA) are added and removed while the worker runs, as vLLM spells it."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import Unsupported
from fastchat.core.generation import Adapts, Engine
from fastchat.protocol.cluster import ModelList, Name
from fastchat.protocol.codec import decode
from fastchat.relay.edge import json_response
from fastchat.worker.nearby import check_nearby


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
        check_nearby(request, "Adapters are changed", guarded=guarded)
        asked = decode(await request.body(), LoadAdapter)
        await _adapting(engine).add_adapter(asked.lora_name, asked.lora_path)
        return _served(engine)

    @router.post("/v1/unload_lora_adapter")
    async def unload(request: Request) -> Response:
        check_nearby(request, "Adapters are changed", guarded=guarded)
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
