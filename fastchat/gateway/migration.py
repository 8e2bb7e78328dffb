"""A stream whose worker is lost goes on at another, from the text so far.

Nothing is parsed before that happens. What cannot be taken up in the middle is left to end in an
error: guided decoding, whose grammar would begin anew; several choices; log probabilities, because
those of text that was held back would come twice; a tool call that was half sent; and whatever is
not understood.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fastchat.protocol.openai.requests import Continued, ResponseFormat, StreamOptions, changed

MOST_MIGRATIONS = 3
# How long a stream waits for a worker to go on at: its own may come back, others may be full.
WAIT_S = 10.0


class _Asked(msgspec.Struct, frozen=True):
    """What decides whether an answer can be taken up. `prompt` is a text unless it is several."""

    prompt: Any = ""
    n: int | None = None
    echo: bool | None = None
    logprobs: Any = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    guided_json: Any = None
    guided_regex: Any = None
    guided_choice: Any = None
    guided_grammar: Any = None
    continued: Continued | None = None

    @property
    def can_be_taken_up(self) -> bool:
        wanted = self.response_format
        guides = (self.guided_json, self.guided_regex, self.guided_choice, self.guided_grammar)
        return (
            isinstance(self.prompt, str)
            and self.n in (None, 1)
            and not self.echo
            and self.logprobs in (None, False)
            and (wanted is None or wanted.type == "text")
            and all(guide is None for guide in guides)
        )


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: Mapping[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Event(msgspec.Struct, frozen=True):
    created: int
    choices: list[_Choice]
    usage: Any = None


class _Failure(msgspec.Struct, frozen=True):
    code: int | str | None = None


class _FailureEvent(msgspec.Struct, frozen=True):
    error: _Failure


@dataclass(frozen=True, slots=True)
class Interrupted:
    """`request` asks for the rest of an answer; None when nothing but its end mark is missing."""

    request: bytes | None


def interrupted(request: bytes, stream: bytes) -> Interrupted | None:
    """What is left to ask for after so much of the answer; None when it cannot be taken up."""
    try:
        asked = msgspec.json.decode(request, type=_Asked)
        events = list(_events(stream))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not asked.can_be_taken_up:
        return None
    if not events:  # nothing but comments
        return Interrupted(request)
    choices = [choice for event in events for choice in event.choices]
    if any(choice.finish_reason for choice in choices):
        wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
        is_whole = not wants_usage or events[-1].usage is not None
        return Interrupted(None) if is_whole else None
    texts = [_text(choice) for choice in choices]
    if None in texts:
        return None
    before = asked.continued.text if asked.continued is not None else ""
    text = before + "".join(text for text in texts if text)
    return Interrupted(changed(request, continued=Continued(text=text, created=events[0].created)))


def failure_code(event: bytes) -> int | None:
    """The code in the event by which a worker ended its stream."""
    return error_code(event.partition(b"\n")[0].removeprefix(b"data:"))


def error_code(body: bytes) -> int | None:
    """The code in an error's body, if it has one that is a number."""
    try:
        code = msgspec.json.decode(body, type=_FailureEvent).error.code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return code if isinstance(code, int) else None


def _events(stream: bytes) -> Iterator[_Event]:
    """Raises ValueError for a line that is neither an event nor a comment."""
    for raw in stream.split(b"\n"):
        line = raw.rstrip(b"\r")
        if not line or line.startswith(b":"):
            continue
        field, _, value = line.partition(b":")
        if field != b"data":
            raise ValueError(f"a line that is no event: {line[:40]!r}")
        yield msgspec.json.decode(value, type=_Event)


def _text(choice: _Choice) -> str | None:
    """None for anything else than text."""
    if choice.index != 0:
        return None
    if choice.delta is None:
        return choice.text or ""
    other = {key for key, value in choice.delta.items() if value is not None}
    if other - {"role", "content"}:
        return None
    text = choice.delta.get("content") or ""
    return text if isinstance(text, str) else None
