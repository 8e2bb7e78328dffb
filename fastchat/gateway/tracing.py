"""The span of a request at the API server."""

from collections.abc import Iterator

from fastchat.core.tracing import Event, Span, Told, Tracing
from fastchat.gateway.passage import Account, Passage

# The ends of paths, and what OpenTelemetry calls them.
_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/completions", "text_completion"),
    ("/embeddings", "embeddings"),
)


def tracer(tracing: Tracing) -> Account:
    def account(passage: Passage) -> None:
        if passage.trace is not None:
            tracing.told(_span(passage, ended=tracing.wall_clock()))

    return account


def _span(passage: Passage, *, ended: float) -> Span:
    assert passage.trace is not None
    began = ended - passage.total_s
    is_error = passage.status >= 500
    return Span(
        name=f"POST {passage.path}",
        opened=passage.trace,
        kind="server",
        began=began,
        ended=ended,
        told=dict(_told(passage)),
        events=tuple(_events(passage, began)),
        error=f"{passage.status}, error_code {passage.error_code}" if is_error else "",
    )


def _told(passage: Passage) -> Iterator[tuple[str, str | int | bool]]:
    """Under OpenTelemetry's names where it has some."""
    yield "http.request.method", "POST"
    yield "url.path", passage.path
    yield "http.response.status_code", passage.status
    if (operation := _operation(passage.path)) is not None:
        yield "gen_ai.operation.name", operation
    yield "fastchat.request.id", passage.id
    yield "fastchat.stream", passage.stream
    yield "fastchat.tries", passage.tries
    yield "fastchat.migrations", passage.migrations
    if passage.model:
        yield "gen_ai.request.model", passage.model
    if passage.key is not None:
        yield "fastchat.key", passage.key
    if passage.worker:
        yield "fastchat.worker", passage.worker
    if passage.error_code is not None:
        yield "error.type", str(passage.error_code)
    if passage.counts is not None:
        yield "gen_ai.usage.input_tokens", passage.counts.prompt_tokens
        yield "gen_ai.usage.output_tokens", passage.counts.completion_tokens


def _events(passage: Passage, began: float) -> Iterator[Event]:
    for trouble in passage.troubles:
        told: Told = {"fastchat.worker": trouble.worker, "fastchat.outcome": trouble.outcome}
        yield Event("worker did not answer", began + trouble.after_s, told)
    if passage.first_byte_s is not None:
        yield Event("first byte", began + passage.first_byte_s)


def _operation(path: str) -> str | None:
    return next((name for ending, name in _OPERATIONS if path.endswith(ending)), None)
