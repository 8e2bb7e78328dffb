"""The OpenAI endpoints of a worker."""

from collections.abc import Callable
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.chat import Chat
from fastchat.core.errors import InvalidRequest, OutOfRange, Unsupported
from fastchat.core.generation import Prompt, Tokenizes
from fastchat.model.context import context_length_of
from fastchat.protocol import deadline
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.counts import HEADER
from fastchat.protocol.error_body import error_event
from fastchat.protocol.openai import embeddings, rerank
from fastchat.protocol.openai.answers import Detokenized, ModelCard, ModelCards, Tokens
from fastchat.protocol.openai.completion import COMPLETIONS, SSE_HEADERS, Completion
from fastchat.protocol.openai.embeddings import EmbeddingRequest
from fastchat.protocol.openai.messages import messages_of, tools_of
from fastchat.protocol.openai.requests import DetokenizeRequest, TokenizeRequest
from fastchat.protocol.openai.rerank import RerankRequest
from fastchat.relay.edge import json_response, request_id
from fastchat.worker.answer import Known, StreamedAnswer, WholeAnswer
from fastchat.worker.shell import Shell
from fastchat.worker.tally import Tally


def routes(
    shell: Shell,
    *,
    wall_clock: Callable[[], float],
    new_id: Callable[[], str],
    check_media: Callable[[str, bytes], None] | None = None,
) -> APIRouter:
    """`wall_clock` gives the seconds since 1970 that `created` fields show. `check_media` refuses
    what an engine that is asked over HTTP would have to fetch."""
    router = APIRouter()
    started = int(wall_clock())

    @router.post("/v1/chat/completions")
    @router.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body, id = await request.body(), request_id(request, new_id)
        completion = COMPLETIONS[request.url.path](body, id, int(wall_clock()))
        clock = shell.admission.clock
        given = request.headers.get(deadline.HEADER)
        tally = Tally(
            shell,
            clock,
            wants_counts=HEADER in request.headers,
            until=None if given is None else clock() + deadline.seconds(given),
        )
        return _answer(shell, completion, tally, partial(shell.under_way.known, id))

    @router.post("/v1/embeddings")
    async def embed(request: Request) -> Response:
        asked = decode(await request.body(), EmbeddingRequest)
        model, id = asked.model or shell.engine.model_names[0], request_id(request, new_id)

        async def work() -> bytes:
            found = await shell.embed(model, embeddings.texts(asked))
            return await embeddings.written(model, found, asked)

        return WholeAnswer(work, known=partial(shell.under_way.known, id))

    async def ranked(request: Request) -> Response:
        asked = decode(await request.body(), RerankRequest)
        model, id = asked.model or shell.engine.model_names[0], request_id(request, new_id)

        async def work() -> bytes:
            found = await shell.rerank(model, asked.query, rerank.texts(asked))
            return encode(rerank.answer(asked, found, id=id, model=model, path=request.url.path))

        return WholeAnswer(work, known=partial(shell.under_way.known, id))

    for path in rerank.PATHS:
        router.post(path)(ranked)

    @router.get("/v1/models")
    async def models() -> Response:
        bound = shell.context_bound
        cards = [
            ModelCard.of(name, started, capabilities=able, context_length=bound)
            for name, able in shell.abilities().items()
        ]
        return json_response(ModelCards(data=cards))

    @router.post("/tokenize")
    async def tokenize(request: Request) -> Response:
        body = await request.body()
        if check_media is not None:
            check_media(request.url.path, body)
        return json_response(await _tokens(shell, decode(body, TokenizeRequest)))

    @router.post("/detokenize")
    async def detokenize(request: Request) -> Response:
        return json_response(await _text(shell, decode(await request.body(), DetokenizeRequest)))

    return router


def _answer(shell: Shell, completion: Completion, tally: Tally, known: Known) -> Response:
    choices, most = len(completion.plan.requests), shell.admission.capacity
    if choices > most:
        raise OutOfRange(f"{choices} choices are more than this worker takes: {most}", param="n")
    for request in completion.plan.requests:
        shell.ready(request)  # refuse before the stream is opened
    if not completion.plan.stream:
        return WholeAnswer(lambda: completion.whole(tally.generate), tally.headers, known=known)
    tally.headers |= SSE_HEADERS
    return StreamedAnswer(
        tally.with_counts(completion.events(tally.generate)),
        media_type="text/event-stream",
        headers=tally.headers,
        render_error=shell.figures.noting(error_event),
        known=known,
    )


async def _tokens(shell: Shell, request: TokenizeRequest) -> Tokens:
    engine = shell.engine
    model = request.model or engine.model_names[0]
    shell.check_model(model)
    prompt: Prompt = request.prompt or ""
    if request.messages is not None:
        tools = tools_of(request.tools or (), model=model)
        prompt = Chat(messages_of(request.messages, model=model), tools)
    count = await shell.count_tokens(prompt)
    limit = context_length_of(engine)
    if isinstance(prompt, str) and isinstance(engine, Tokenizes):
        return Tokens(count=count, max_model_len=limit, tokens=list(await engine.tokenize(prompt)))
    return Tokens(count=count, max_model_len=limit)


async def _text(shell: Shell, request: DetokenizeRequest) -> Detokenized:
    model = request.model or shell.engine.model_names[0]
    shell.check_model(model)
    if not isinstance(shell.engine, Tokenizes):
        raise Unsupported(["detokenize"], model=model)
    if any(id < 0 for id in request.tokens):
        raise InvalidRequest("tokens: a token id is not negative", param="tokens")
    return Detokenized(prompt=await shell.engine.detokenize(request.tokens))
