"""Token counts as servers of this dialect tell them, and how they are asked for them."""

from typing import Any

import msgspec

from fastchat.core.generation import Usage


class Options(msgspec.Struct, frozen=True):
    stream_options: Any = None


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Thought(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class AnswerUsage(msgspec.Struct, frozen=True):
    """As servers tell it; some leave out a part."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Thought | None = None

    def counted(self) -> Usage:
        details, thought = self.prompt_tokens_details, self.completion_tokens_details
        return Usage.told(
            self.prompt_tokens or 0,
            self.completion_tokens or 0,
            cached=(details.cached_tokens or 0) if details is not None else 0,
            reasoning=(thought.reasoning_tokens or 0) if thought is not None else 0,
        )


class Told(msgspec.Struct, frozen=True):
    usage: AnswerUsage | None = None
    choices: list[msgspec.Raw] | None = None
