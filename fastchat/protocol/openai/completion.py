"""From the bytes of a request to the bytes of its answer, by whatever generates in between."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from fastchat.core.fanout import Generate, interleaved
from fastchat.core.generation import Chunk, GenerationRequest, Usage, joined
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.answers import DONE
from fastchat.protocol.openai.render import ChatRenderer, Renderer, TextRenderer, total_usage
from fastchat.protocol.openai.requests import ChatRequest, CompletionRequest
from fastchat.protocol.openai.translate import Plan, chat_plan, completion_plan

SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class Completion:
    """What is to be generated, and how the answer is written."""

    plan: Plan
    renderer: Renderer

    async def whole(self, generate: Generate) -> bytes:
        """A whole answer is a collected stream."""
        parts: list[list[Chunk]] = [[] for _ in self.plan.requests]
        async with aclosing(interleaved(generate, self.plan.requests)) as chunks:
            async for index, chunk in chunks:
                parts[index].append(chunk)
        choices = [joined(chunks) for chunks in parts]
        return self.renderer.whole(choices, total_usage([choice.usage for choice in choices]))

    async def events(self, generate: Generate) -> AsyncGenerator[bytes, None]:
        opened = {index for index, one in enumerate(self.plan.requests) if one.resumed is not None}
        usages: dict[int, Usage] = {}
        async with aclosing(interleaved(generate, self.plan.requests)) as chunks:
            async for index, chunk in chunks:
                usages[index] = chunk.usage
                opening = b""
                if index not in opened:
                    opened.add(index)
                    opening = self.renderer.opening(index) or b""
                yield opening + self.renderer.piece(index, chunk)
        if self.plan.include_usage:
            yield self.renderer.closing(total_usage(list(usages.values())))
        yield DONE


def chat_completion(body: bytes, id: str, created: int) -> Completion:
    """Raises `InvalidRequest` for what is no such request."""
    request = decode(body, ChatRequest)
    plan = chat_plan(request, id)
    renderer = ChatRenderer(
        id=f"chatcmpl-{id}",
        created=request.continued.created if request.continued else created,
        model=request.model,
        include_usage=plan.include_usage,
        functions=plan.functions,
    )
    return Completion(plan, renderer)


def text_completion(body: bytes, id: str, created: int) -> Completion:
    """Raises `InvalidRequest` for what is no such request."""
    request = decode(body, CompletionRequest)
    plan = completion_plan(request, id)
    renderer = TextRenderer(
        id=f"cmpl-{id}",
        created=request.continued.created if request.continued else created,
        model=request.model,
        include_usage=plan.include_usage,
        echoes=[_echo(one) if plan.echo else "" for one in plan.requests],
        scored=any(one.prompt_logprobs is not None for one in plan.requests),
        offsets={},
    )
    return Completion(plan, renderer)


def _echo(request: GenerationRequest) -> str | None:
    """None for token ids, whose text comes with their log probabilities."""
    return request.prompt if isinstance(request.prompt, str) else None


# `(body, id, created)` to what is to be done, by path.
COMPLETIONS: Mapping[str, Callable[[bytes, str, int], Completion]] = {
    "/v1/chat/completions": chat_completion,
    "/v1/completions": text_completion,
}
