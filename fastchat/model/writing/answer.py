"""What an engine writes, as what its model says."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chunk, FinishReason, TokenLogprob, joined
from fastchat.model.writing.reader import Reader


async def read(chunks: AsyncIterator[Chunk], reader: Reader) -> AsyncGenerator[Chunk, None]:
    """Raises `EngineFailed` when the model ends in a call of which not even the name is known."""
    logprobs: list[TokenLogprob] = []
    reasoning_tokens = 0
    async for chunk in chunks:
        said, finish = _said(chunk, reader)
        if reader.mode == "think":
            reasoning_tokens = chunk.usage.completion_tokens
        logprobs = [] if _is_no_text(said, reader) else [*logprobs, *chunk.logprobs]
        shown, logprobs = (logprobs, []) if said.text or finish else ([], logprobs)
        if not (said.text or said.reasoning or said.tool_calls or finish):
            continue
        yield replace(
            said,
            usage=chunk.usage._replace(reasoning_tokens=reasoning_tokens),
            finish_reason=finish,
            logprobs=tuple(shown),
        )
        if finish is not None:
            return


def _said(chunk: Chunk, reader: Reader) -> tuple[Chunk, FinishReason | None]:
    said, finish = reader.push(chunk.text), chunk.finish_reason
    if reader.mode == "end":
        return said, "tool_calls"
    if finish is None:
        return said, None
    said = joined([said, reader.rest(cut=finish == "length")])
    if finish == "stop" and reader.is_unreadable:
        raise EngineFailed("The model wrote a tool call that cannot be read. Ask again.")
    return said, "tool_calls" if finish == "stop" and reader.calls else finish


def _is_no_text(said: Chunk, reader: Reader) -> bool:
    """Log probabilities of calls and of reasoning have no place in an answer."""
    if said.text:
        return False
    return bool(said.tool_calls or said.reasoning) or reader.mode in ("think", "call")
