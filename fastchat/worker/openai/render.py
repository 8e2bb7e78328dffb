"""The exact prompt of a request, without an answer to it."""

from collections.abc import Callable

from fastapi import APIRouter
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.generation import Chat, CountsTokens, GenerationRequest
from fastchat.protocol.codec import encode
from fastchat.protocol.openai.completion import COMPLETIONS
from fastchat.protocol.openai.prompted import PATHS, RENDER, Prompted
from fastchat.relay.edge import request_id
from fastchat.worker.answer import WholeAnswer
from fastchat.worker.shell import Shell


def routes(shell: Shell, *, new_id: Callable[[], str]) -> APIRouter:
    router = APIRouter()

    async def render(request: Request) -> Response:
        """Several prompts or choices: that of the first."""
        path = request.url.path.removesuffix(RENDER)
        completion = COMPLETIONS[path](await request.body(), request_id(request, new_id), 0)
        asked = completion.plan.requests[0]

        async def work() -> bytes:
            return encode(await prompted(shell, asked))

        return WholeAnswer(work)

    for path in PATHS:
        router.post(path)(render)
    return router


async def prompted(shell: Shell, asked: GenerationRequest) -> Prompted:
    """Raises what the request itself would raise before it is given a slot."""
    request = shell.ready(asked)
    prompt = await shell.prompt(request)
    is_chat, facts = isinstance(asked.prompt, Chat), shell.template_facts
    counts = isinstance(shell.engine, CountsTokens) and not request.continue_from
    return Prompted(
        model=asked.model,
        prompt=prompt if isinstance(prompt, str) else UNSET,
        token_ids=list(prompt) if isinstance(prompt, tuple) else UNSET,
        prompt_tokens=await shell.count_tokens(request.prompt) if counts else UNSET,
        template=(is_chat and facts.name) or UNSET,
        template_hash=(is_chat and facts.digest) or UNSET,
    )
