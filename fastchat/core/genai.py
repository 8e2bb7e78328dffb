"""What OpenTelemetry's conventions for generative AI count of a request, as a value."""

from typing import NamedTuple

from fastchat.core.generation import Usage

# The ends of paths, and what OpenTelemetry calls them.
_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/messages", "chat"),
    ("/completions", "text_completion"),
    ("/embeddings", "embeddings"),
)


class Operation(NamedTuple):
    """`model` is empty when nobody serves what was asked for: clients can name any. `first_s` is
    the time to the first token of a stream, `error` empty when all went well."""

    name: str
    model: str
    duration_s: float
    usage: Usage | None = None
    first_s: float | None = None
    error: str = ""

    @property
    def per_token_s(self) -> float | None:
        """The mean after the first one, where that can be told."""
        if self.first_s is None or self.usage is None or self.usage.completion_tokens < 2:
            return None
        return (self.duration_s - self.first_s) / (self.usage.completion_tokens - 1)


def operation_at(path: str) -> str | None:
    return next((name for ending, name in _OPERATIONS if path.endswith(ending)), None)
