"""The OpenAI endpoints. Workers speak this dialect: completions pass through as they are."""

from fastapi import APIRouter, Depends
from starlette.responses import Response
from starlette.routing import Route

from fastchat.core.errors import UnknownModel
from fastchat.gateway.context import Context
from fastchat.protocol.codec import encode
from fastchat.protocol.openai.answers import ModelCard, ModelCards

FORWARDED = ("/v1/chat/completions", "/v1/completions")


def routes(context: Context) -> APIRouter:
    router = APIRouter(
        routes=[
            Route(path, context.forwarder.to(path.encode()), methods=["POST"]) for path in FORWARDED
        ],
        dependencies=[Depends(context.authorized)],
    )
    started = int(context.wall_clock())

    @router.get("/v1/models")
    async def models() -> Response:
        cards = [ModelCard.of(name, started) for name in context.table.models()]
        return _json(ModelCards(data=cards))

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        known = context.table.models()
        if name not in known:
            raise UnknownModel(name, known)
        return _json(ModelCard.of(name, started))

    return router


def _json(message: object) -> Response:
    return Response(encode(message), media_type="application/json")
