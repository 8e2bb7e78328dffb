"""What llama.cpp's server says about one answer, as chunks. Pure: runs in the native thread."""

from dataclasses import dataclass, field

import msgspec

from fastchat.core.alignment import Alignment
from fastchat.core.errors import ContextOverflow, EngineFailed, InvalidRequest, PlatformError
from fastchat.core.generation import (
    Chat,
    Chunk,
    FinishReason,
    GenerationRequest,
    TokenLogprob,
    Usage,
)
from fastchat.core.stop_strings import StopStrings


class _Token(msgspec.Struct):
    id: int
    token: str
    bytes: list[int]
    logprob: float
    top_logprobs: "list[_Token]" = []


class _Logprobs(msgspec.Struct):
    content: list[_Token]


class _Choice(msgspec.Struct):
    text: str
    finish_reason: FinishReason | None
    logprobs: _Logprobs | None = None


class _Timings(msgspec.Struct):
    cache_n: int
    prompt_n: int
    predicted_n: int


class _Fault(msgspec.Struct):
    message: str
    type: str
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    timings: _Timings | None = None
    prompt_progress: dict[str, int] | None = None
    error: _Fault | None = None


_decoder = msgspec.json.Decoder(_Event)


@dataclass(slots=True)
class Answer:
    """llama.cpp is not told the stop strings: when it holds text back for them, it attributes that
    text to the wrong token, and loses it when the answer ends for another reason."""

    request: GenerationRequest
    ended: bool = False
    _stop: StopStrings = field(init=False)
    _logprobs: Alignment = field(default_factory=Alignment)

    def __post_init__(self) -> None:
        self._stop = StopStrings([stop for stop in self.request.stop if stop])

    def read(self, raw: bytes) -> Chunk | None:
        """None when there is nothing to show yet. Raises `PlatformError` for an error event."""
        event = _decoder.decode(raw)
        if event.error is not None:
            raise _error(event.error, self.request)
        if event.prompt_progress is not None or event.timings is None:
            return None  # it came so that whoever wants to cancel can do so before the first token
        choice, usage = event.choices[0], _usage(event.timings)
        if choice.finish_reason is not None and usage.prompt_tokens == 0:
            raise InvalidRequest("The prompt is empty.", param="prompt")
        return self._chunk(choice, usage)

    def _chunk(self, choice: _Choice, usage: Usage) -> Chunk | None:
        token = choice.logprobs.content[0] if choice.logprobs else None
        finish = choice.finish_reason
        if token is not None and token.id in self.request.stop_token_ids:
            text, finish = self._stop.rest(), "stop"
        else:
            if token is not None:
                self._saw(token)
            text = self._stop.push(choice.text)
            if self._stop.found:
                finish = "stop"
            elif finish is not None:
                text += self._stop.rest()
        self.ended = finish is not None
        logprobs = self._logprobs.of_shown(text)
        if not (text or logprobs or self.ended):
            return None
        return Chunk(text=text, usage=usage, finish_reason=finish, logprobs=logprobs)

    def _saw(self, token: _Token) -> None:
        wanted = self.request.logprobs
        if wanted is not None and token.bytes:  # the token that ends the turn has none
            self._logprobs.saw(_logprob(token, wanted), len(token.token))


def _logprob(token: _Token, alternatives: int) -> TokenLogprob:
    return TokenLogprob(
        token=token.token,
        raw=bytes(token.bytes),
        logprob=token.logprob,
        top=tuple(_logprob(other, 0) for other in token.top_logprobs[:alternatives]),
    )


def _usage(timings: _Timings) -> Usage:
    return Usage(
        prompt_tokens=timings.cache_n + timings.prompt_n,
        completion_tokens=timings.predicted_n,
        cached_tokens=timings.cache_n,
    )


def _error(fault: _Fault, request: GenerationRequest) -> PlatformError:
    param = "messages" if isinstance(request.prompt, Chat) else "prompt"
    if fault.type == "exceed_context_size_error":
        return ContextOverflow(fault.n_prompt_tokens, fault.n_ctx, param=param)
    if fault.type == "invalid_request_error":
        return InvalidRequest(f"{fault.message}.", param=param)
    return EngineFailed(f"llama.cpp failed: {fault.message}")
