"""`/api/v1/chat/completions` (with `repetition_penalty`) and `/api/v1/token_check`."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fastchat.client import WorkerClient, WorkerFault
from fastchat.core.errors import NoWorker, WorkerTimeout
from fastchat.gateway.context import Context
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.wire import (
    TokenCheck,
    TokenCheckAnswer,
    TokenCheckRequest,
    TokenCheckResult,
)
from fastchat.relay.edge import unless_gone


def routes(context: Context) -> APIRouter:
    chat = context.forwarder.to(b"/v1/chat/completions")
    router = APIRouter(
        routes=[Route("/api/v1/chat/completions", chat, methods=["POST"])],
        dependencies=[Depends(context.authorized)],
    )

    @router.post("/api/v1/token_check")
    async def token_check(request: Request) -> Response:
        checks = decode(await request.body(), TokenCheckRequest).prompts
        results: dict[int, TokenCheckResult] = {}

        async def work() -> None:
            for model in dict.fromkeys(check.model for check in checks):
                await _check_model(context, model, checks, results)

        await unless_gone(request.receive, work())
        answer = TokenCheckAnswer(prompts=[results[i] for i in sorted(results)])
        return Response(encode(answer), media_type="application/json")

    return router


async def _check_model(
    context: Context, model: str, checks: list[TokenCheck], results: dict[int, TokenCheckResult]
) -> None:
    """All prompts for one model, at one of its workers."""
    lease = context.table.choose(model)
    context.forwarder.report(lease.dispatched)
    worker = context.worker(lease.worker.address)
    with context.table.hold(lease):
        try:
            limit = await worker.context_length(lease.model)
            for index, check in enumerate(checks):
                if check.model == model:
                    results[index] = await _checked(worker, lease.model, check, limit)
        except WorkerFault as fault:
            if fault.kind == "silent":
                raise WorkerTimeout(context.forwarder.timeout_s) from fault
            raise NoWorker(model) from fault


async def _checked(
    worker: WorkerClient, model: str, check: TokenCheck, limit: int
) -> TokenCheckResult:
    """The count without an answer's tokens, and whether the answer would fit behind it."""
    count = await worker.count_tokens(model, check.prompt)
    return TokenCheckResult(
        fits=count + check.max_tokens <= limit, token_count=count, context_length=limit
    )
