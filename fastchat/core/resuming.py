"""An answer that one engine began and another ends: its limit and its counts are those of one."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from fastchat.core.fanout import Generate
from fastchat.core.generation import Chunk, GenerationRequest, Prompt, Usage

Count = Callable[[Prompt], Awaitable[int]]


def resuming(generate: Generate, count: Count) -> Generate:
    """`generate`, for requests that may be resumed. What was said before is counted by who goes on,
    and the prompt once."""

    def run(request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        if request.resumed is None:
            return generate(request)
        return _rest(generate, count, request, request.resumed)

    return run


async def _rest(
    generate: Generate, count: Count, request: GenerationRequest, text: str
) -> AsyncGenerator[Chunk, None]:
    prompt = await count(request.prompt)
    said = await count(text) if text else 0
    room = None if request.max_tokens is None else request.max_tokens - said
    if room is not None and room < 1:
        usage = Usage(prompt_tokens=prompt, completion_tokens=said)
        yield Chunk(usage=usage, finish_reason="length")
        return
    async with aclosing(generate(replace(request, max_tokens=room, resumed=None))) as chunks:
        async for chunk in chunks:
            completion = said + chunk.usage.completion_tokens
            usage = chunk.usage._replace(prompt_tokens=prompt, completion_tokens=completion)
            yield replace(chunk, usage=usage)
