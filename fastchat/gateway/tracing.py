"""The spans and figures of a request at the API server."""

from collections.abc import Iterator

from fastchat.core.genai import Operation, operation_at
from fastchat.core.tracing import Event, Span, Told, Tracing
from fastchat.gateway.passage import Account, Apart, Passage


def tracer(tracing: Tracing) -> Account:
    def account(passage: Passage) -> None:
        if passage.trace is not None:
            ended = tracing.wall_clock()
            tracing.told(_span(passage, ended=ended))
            for call in passage.apart:
                tracing.told(_call(call, passage, tracing, ended - passage.total_s))
        if (operation := _operation(passage)) is not None:
            tracing.measure(operation)

    return account


def _operation(passage: Passage) -> Operation | None:
    name = operation_at(passage.path)
    if name is None:
        return None
    return Operation(
        name=name,
        model=passage.model if passage.worker else "",
        duration_s=passage.total_s,
        usage=passage.counts,
        first_s=passage.first_byte_s if passage.stream else None,
        error=str(passage.error_code or passage.status) if passage.status >= 400 else "",
    )


def _call(call: Apart, passage: Passage, tracing: Tracing, began: float) -> Span:
    """To somebody who sends no span: it is ours to say how long that took."""
    assert passage.trace is not None
    operation = operation_at(passage.path) or passage.path
    return Span(
        name=f"{operation} {call.model}",
        opened=tracing.below(passage.trace.place),
        kind="client",
        began=began + call.after_s,
        ended=began + call.until_s,
        told={
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": call.model,
            "fastchat.request.id": passage.id,
            "fastchat.worker": call.worker,
        },
    )


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
    if (operation := operation_at(passage.path)) is not None:
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
