"""The endpoints of a worker of 0.2.36."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from fastapi import APIRouter
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from fastchat.conversation import to_wire
from fastchat.core.abilities import in_common
from fastchat.core.errors import PlatformError
from fastchat.model.context import context_length_of
from fastchat.model.template import template_for_callers
from fastchat.protocol.cluster import WorkerStatus
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.openai.embeddings import encoded
from fastchat.protocol.wire import (
    END,
    ConvTemplate,
    Count,
    CountRequest,
    Embedded,
    EmbedParams,
    ErrorMessage,
    GenerateParams,
    ModelDetails,
    StreamMessage,
)
from fastchat.relay.edge import json_response, request_id
from fastchat.worker.answer import RenderError, StreamedAnswer, WholeAnswer
from fastchat.worker.legacy.translate import Messages, echoes, generation
from fastchat.worker.shell import Shell
from fastchat.worker.tally import Tally


def routes(shell: Shell, *, new_id: Callable[[], str]) -> APIRouter:
    router = APIRouter()
    error_body = shell.figures.noting(_error_body)
    error_piece = shell.figures.noting(_error_piece)

    @router.post("/worker_get_status")
    async def worker_get_status() -> Response:
        return json_response(status(shell))

    @router.post("/worker_get_conv_template")
    async def worker_get_conv_template() -> Response:
        template = await template_for_callers(shell.engine, shell.template)
        return json_response(ConvTemplate(conv=to_wire(template)))

    @router.post("/model_details")
    async def model_details() -> Response:
        return json_response(ModelDetails(context_length=context_length_of(shell.engine)))

    @router.post("/count_token")
    async def count_token(request: Request) -> Response:
        prompt = decode(await request.body(), CountRequest).prompt
        return json_response(Count(count=await shell.count_tokens(prompt)))

    @router.post("/worker_generate_stream")
    async def worker_generate_stream(request: Request) -> Response:
        id = request_id(request, new_id)
        tally = Tally(shell, shell.admission.clock, wants_counts=False)
        messages = _messages(tally, await request.body(), id)
        return StreamedAnswer(
            _terminated(messages, error_piece),
            media_type=None,
            headers=tally.headers,
            render_error=error_piece,
            known=partial(shell.under_way.known, id),
        )

    @router.post("/worker_generate")
    async def worker_generate(request: Request) -> Response:
        body = await request.body()
        id = request_id(request, new_id)
        tally = Tally(shell, shell.admission.clock, wants_counts=False)
        return WholeAnswer(
            lambda: _last(_messages(tally, body, id), error_body),
            tally.headers,
            known=partial(shell.under_way.known, id),
        )

    @router.post("/worker_get_embeddings")
    async def worker_get_embeddings(request: Request) -> Response:
        body = await request.body()
        return WholeAnswer(lambda: _embedded(shell, body, error_body))

    return router


def status(shell: Shell) -> WorkerStatus:
    cache_usage, able = shell.engine_load.cache_usage, shell.abilities()
    common = in_common(able)
    return WorkerStatus(
        model_names=tuple(shell.engine.model_names),
        speed=1,
        queue_length=shell.queue_length,
        cache_usage=UNSET if cache_usage is None else cache_usage,
        template=shell.template_facts.name or UNSET,
        template_hash=shell.template_facts.digest or UNSET,
        abilities=common,
        model_abilities={name: one for name, one in able.items() if one != common} or UNSET,
        context_length=bound if (bound := shell.context_bound) is not None else UNSET,
    )


async def _messages(tally: Tally, body: bytes, id: str) -> AsyncGenerator[StreamMessage, None]:
    shell = tally.shell
    params = decode(body, GenerateParams)
    request = generation(params, id=id, model=shell.engine.model_names[0])
    if "stop_token_ids" not in shell.engine.features:
        # Callers copy them from a template; an engine knows its model's own ends in any case.
        request = replace(request, stop_token_ids=())
    messages = Messages(params.prompt if echoes(params) else "")
    async with aclosing(tally.generate(request)) as chunks:
        async for chunk in chunks:
            yield messages.next(chunk)


async def _terminated(
    messages: AsyncGenerator[StreamMessage, None], error_piece: RenderError
) -> AsyncGenerator[bytes, None]:
    """Errors are messages here, with status 200, from the very first on."""
    async with aclosing(messages):
        try:
            async for message in messages:
                yield encode(message) + END
        except PlatformError as error:
            yield error_piece(error)


async def _last(messages: AsyncGenerator[StreamMessage, None], error_body: RenderError) -> bytes:
    last: StreamMessage | None = None
    async with aclosing(messages):
        try:
            async for message in messages:
                last = message
        except PlatformError as error:
            return error_body(error)
    return encode(last)


async def _embedded(shell: Shell, body: bytes, error_body: RenderError) -> bytes:
    """Callers of 0.2.36 look for an `error_code` here, too, and never at the status."""
    try:
        params = decode(body, EmbedParams)
        found = await shell.embed(params.model or shell.engine.model_names[0], params.input)
    except PlatformError as error:
        return error_body(error)
    vectors = [encoded(vector, params.encoding_format) for vector in found.vectors]
    return encode(Embedded(embedding=vectors, token_num=found.prompt_tokens))


def _error_body(error: PlatformError) -> bytes:
    return encode(ErrorMessage.of(error))


def _error_piece(error: PlatformError) -> bytes:
    return _error_body(error) + END
