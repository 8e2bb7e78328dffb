"""A request is aborted by its id. The API server needs no such call: it hangs up."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import UnknownRequest
from fastchat.protocol.abort import PATH, Aborted, AbortRequest
from fastchat.protocol.codec import decode
from fastchat.relay.edge import json_response
from fastchat.worker.nearby import check_nearby
from fastchat.worker.under_way import UnderWay


def routes(under_way: UnderWay, *, guarded: bool) -> APIRouter:
    """`guarded`: nobody comes here without the cluster token."""
    router = APIRouter()

    @router.post(PATH)
    async def abort(request: Request) -> Response:
        check_nearby(request, "Requests are aborted", guarded=guarded)
        asked = decode(await request.body(), AbortRequest)
        if not (count := under_way.abort(asked.id)):
            raise UnknownRequest(asked.id)
        return json_response(Aborted(rid=asked.rid, aborted=count))

    return router
