"""`/v1/arena/vote`: which of two answers was better; the names come back."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import UnknownModel
from fastchat.gateway.blind_pair import NAME
from fastchat.gateway.context import Context
from fastchat.protocol.arena import VoteRequest
from fastchat.protocol.codec import decode
from fastchat.relay.edge import json_response


def routes(context: Context) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/arena/vote")
    async def vote(request: Request) -> Response:
        """Of whoever may ask the model: its key, if keys are needed, must allow `arena`."""
        caller = context.gate.admit_head(dict(request.scope["headers"]))
        if caller is not None:
            caller.check(NAME)
        if context.arena is None:
            raise UnknownModel(NAME, context.table.models())
        asked = decode(await request.body(), VoteRequest)
        address = request.client.host if request.client is not None else ""
        return json_response(await context.arena.vote(asked, caller, address))

    return router
