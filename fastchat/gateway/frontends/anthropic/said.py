"""What is read of OpenAI's answers. Only what is used has a type: servers leave fields out."""

import msgspec

from fastchat.protocol.openai.told_usage import AnswerUsage


class Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: Function = Function()


class Said(msgspec.Struct, frozen=True):
    """A whole message, or what is new in one. Servers name reasoning one way or the other."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct, frozen=True):
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """A whole one, or a chunk of a stream."""

    id: str = ""
    model: str = ""
    choices: list[Choice] = []  # msgspec copies an empty default
    usage: AnswerUsage | None = None


class ErrorSaid(msgspec.Struct, frozen=True):
    message: str = ""
    code: int | str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: ErrorSaid | None = None


class TokensSaid(msgspec.Struct, frozen=True):
    count: int
