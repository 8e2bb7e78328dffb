"""What an assistant says beside text: calls of tools, and its reasoning."""

from collections.abc import Sequence

from msgspec import UNSET

from fastchat.core.generation import Chunk, ToolCallDelta
from fastchat.protocol.openai.answers import (
    AnswerMessage,
    CalledFunction,
    CalledTool,
    Delta,
    FunctionDelta,
    ToolDelta,
)


def answer_message(chunk: Chunk, *, functions: bool) -> AnswerMessage:
    """A whole answer. `functions`: as it was before tools, with one call an answer."""
    reasoning = chunk.reasoning or UNSET
    called = [
        CalledTool(id=one.id, function=CalledFunction(name=one.name, arguments=one.arguments))
        for one in chunk.tool_calls
    ]
    return AnswerMessage(
        content=None if called and not chunk.text else chunk.text,
        reasoning_content=reasoning,
        reasoning=reasoning,
        tool_calls=UNSET if functions else called or UNSET,
        function_call=called[0].function if functions and called else UNSET,
    )


def call_delta(deltas: Sequence[ToolCallDelta], *, functions: bool) -> Delta:
    if functions:
        return Delta(function_call=_function(deltas[0]))
    return Delta(
        tool_calls=[
            ToolDelta(
                index=delta.index,
                id=delta.id or UNSET,
                type="function" if delta.id else UNSET,
                function=_function(delta),
            )
            for delta in deltas
        ]
    )


def finish_reason(chunk: Chunk, *, functions: bool) -> str | None:
    if functions and chunk.finish_reason == "tool_calls":
        return "function_call"
    return chunk.finish_reason


def _function(delta: ToolCallDelta) -> FunctionDelta:
    return FunctionDelta(name=delta.name or UNSET, arguments=delta.arguments)
