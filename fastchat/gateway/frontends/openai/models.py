"""`/v1/models`: what the caller may ask, and what each of them can do."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import UnknownModel
from fastchat.dispatch import Table
from fastchat.gateway.callers import Caller
from fastchat.gateway.context import Context
from fastchat.protocol.openai.answers import ModelCard, ModelCards
from fastchat.relay.edge import json_response


def routes(context: Context) -> APIRouter:
    router = APIRouter()
    started = int(context.wall_clock())

    async def admitted(request: Request) -> Caller | None:
        return context.gate.admit_head(dict(request.scope["headers"]))

    Asking = Annotated[Caller | None, Depends(admitted)]

    @router.get("/v1/models")
    async def models(caller: Asking) -> Response:
        names = _visible(context.table, caller)
        return json_response(ModelCards(data=[card(context.table, n, started) for n in names]))

    @router.get("/v1/models/{name:path}")
    async def model(name: str, caller: Asking) -> Response:
        known = _visible(context.table, caller)
        if name not in known:
            raise UnknownModel(name, known)
        return json_response(card(context.table, name, started))

    return router


def _visible(table: Table, caller: Caller | None) -> list[str]:
    return [name for name in table.models() if caller is None or caller.may_use(name)]


def card(table: Table, name: str, created: int) -> ModelCard:
    """Any worker may be the one that answers: told is what all of them can that tell anything."""
    workers, targets = table.workers(name), table.routes.targets(name)
    told = [
        able
        for worker in workers
        for model in targets.intersection(worker.model_names)
        if (able := worker.abilities_of(model)) is not None
    ]
    lengths = [one.context_length for one in workers if one.context_length is not None]
    return ModelCard.of(
        name,
        created,
        capabilities=sorted(set(told[0]).intersection(*told)) if told else None,
        context_length=min(lengths, default=None),
    )
