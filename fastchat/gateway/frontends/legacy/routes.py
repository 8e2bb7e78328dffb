"""`/api/v1/chat/completions` (with `repetition_penalty`) and `/api/v1/token_check`."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fastchat.client import WorkerFault
from fastchat.core.errors import NoWorker
from fastchat.gateway.context import Context
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.error_body import LegacyErrorBody
from fastchat.protocol.wire import (
    TokenCheck,
    TokenCheckAnswer,
    TokenCheckRequest,
    TokenCheckResult,
)


def routes(context: Context) -> APIRouter:
    chat = context.forwarder.to(b"/v1/chat/completions", errors=LegacyErrorBody)
    router = APIRouter(
        routes=[Route("/api/v1/chat/completions", chat, methods=["POST"])],
        dependencies=[Depends(context.authorized)],
    )

    @router.post("/api/v1/token_check")
    async def token_check(request: Request) -> Response:
        checks = decode(await request.body(), TokenCheckRequest).prompts
        results = [await _checked(context, check) for check in checks]
        return Response(encode(TokenCheckAnswer(prompts=results)), media_type="application/json")

    return router


async def _checked(context: Context, check: TokenCheck) -> TokenCheckResult:
    """The count without an answer's tokens, and whether the answer would fit behind it."""
    lease = context.table.choose(check.model)
    worker = context.worker(lease.worker.address)
    try:
        count = await worker.count_tokens(check.model, check.prompt)
        limit = await worker.context_length(check.model)
    except WorkerFault as fault:
        raise NoWorker(check.model) from fault
    return TokenCheckResult(
        fits=count + check.max_tokens <= limit, token_count=count, context_length=limit
    )
