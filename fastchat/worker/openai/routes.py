"""The OpenAI endpoints of a worker."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.generation import (
    Chunk,
    Prompt,
    Tokenizes,
    Usage,
    joined,
)
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.error_body import error_event
from fastchat.protocol.openai.answers import DONE, ModelCard, ModelCards, Tokens
from fastchat.protocol.openai.requests import ChatRequest, CompletionRequest, TokenizeRequest
from fastchat.relay.edge import request_id
from fastchat.worker.answer import StreamedAnswer, WholeAnswer
from fastchat.worker.fanout import interleaved
from fastchat.worker.openai.render import ChatRenderer, Renderer, TextRenderer, total_usage
from fastchat.worker.openai.translate import Plan, chat_of, chat_plan, completion_plan
from fastchat.worker.shell import Shell, context_length

SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def routes(
    shell: Shell, *, wall_clock: Callable[[], float], new_id: Callable[[], str]
) -> APIRouter:
    """`wall_clock` gives the seconds since 1970 that `created` fields show."""
    router = APIRouter()
    started = int(wall_clock())

    @router.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        body = decode(await request.body(), ChatRequest)
        id = request_id(request, new_id)
        plan = chat_plan(body, id)
        renderer = ChatRenderer(
            id=f"chatcmpl-{id}",
            created=int(wall_clock()),
            model=body.model,
            include_usage=plan.include_usage,
        )
        return _answer(shell, plan, renderer)

    @router.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body = decode(await request.body(), CompletionRequest)
        id = request_id(request, new_id)
        plan = completion_plan(body, id)
        renderer = TextRenderer(
            id=f"cmpl-{id}",
            created=int(wall_clock()),
            model=body.model,
            include_usage=plan.include_usage,
            echoes=[str(one.prompt) if plan.echo else "" for one in plan.requests],
            offsets={},
        )
        return _answer(shell, plan, renderer)

    @router.get("/v1/models")
    async def models() -> Response:
        cards = [ModelCard.of(name, started) for name in shell.engine.model_names]
        return _json(ModelCards(data=cards))

    @router.post("/tokenize")
    async def tokenize(request: Request) -> Response:
        return _json(await _tokens(shell, decode(await request.body(), TokenizeRequest)))

    return router


def _answer(shell: Shell, plan: Plan, renderer: Renderer) -> Response:
    for request in plan.requests:
        shell.ready(request)  # refuse before the stream is opened
    if not plan.stream:
        return WholeAnswer(lambda: _whole(shell, plan, renderer), {})
    return StreamedAnswer(
        _events(shell, plan, renderer),
        media_type="text/event-stream",
        headers=SSE_HEADERS,
        render_error=error_event,
    )


async def _whole(shell: Shell, plan: Plan, renderer: Renderer) -> bytes:
    """A whole answer is a collected stream."""
    parts: list[list[Chunk]] = [[] for _ in plan.requests]
    async with aclosing(interleaved(shell.generate, plan.requests)) as chunks:
        async for index, chunk in chunks:
            parts[index].append(chunk)
    choices = [joined(chunks) for chunks in parts]
    return renderer.whole(choices, total_usage([choice.usage for choice in choices]))


async def _events(shell: Shell, plan: Plan, renderer: Renderer) -> AsyncGenerator[bytes, None]:
    opened: set[int] = set()
    usages: dict[int, Usage] = {}
    async with aclosing(interleaved(shell.generate, plan.requests)) as chunks:
        async for index, chunk in chunks:
            usages[index] = chunk.usage
            opening = b""
            if index not in opened:
                opened.add(index)
                opening = renderer.opening(index) or b""
            yield opening + renderer.piece(index, chunk)
    if plan.include_usage:
        yield renderer.closing(total_usage(list(usages.values())))
    yield DONE


async def _tokens(shell: Shell, request: TokenizeRequest) -> Tokens:
    engine = shell.engine
    model = request.model or engine.model_names[0]
    prompt: Prompt = request.prompt or ""
    if request.messages is not None:
        prompt = chat_of(request.messages, model=model)
    count = await shell.count_tokens(prompt)
    limit = context_length(engine)
    if isinstance(prompt, str) and isinstance(engine, Tokenizes):
        return Tokens(count=count, max_model_len=limit, tokens=list(await engine.tokenize(prompt)))
    return Tokens(count=count, max_model_len=limit)


def _json(message: object) -> Response:
    return Response(encode(message), media_type="application/json")
