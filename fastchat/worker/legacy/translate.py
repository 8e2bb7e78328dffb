"""Generation parameters of 0.2.36 as generation requests, and chunks as its messages. No I/O."""

from dataclasses import dataclass, field

from fastchat.core.generation import (
    Chunk,
    GenerationRequest,
    PromptToken,
    Sampling,
    TokenLogprob,
)
from fastchat.protocol.checks import MAX_TOP_LOGPROBS, checked, given, refuse, stop_words, within
from fastchat.protocol.openai.logprobs import text_logprobs
from fastchat.protocol.wire import GenerateParams, StreamMessage, WireUsage

DEFAULT_NEW_TOKENS = 256


def generation(params: GenerateParams, *, id: str, model: str) -> GenerationRequest:
    """`model` is the worker's own when the caller names none."""
    name = params.model or model
    _refuse_unsupported(params, name)
    max_tokens = DEFAULT_NEW_TOKENS if params.max_new_tokens is None else params.max_new_tokens
    within("max_new_tokens", max_tokens, 1, None)
    return GenerationRequest(
        id=id,
        model=name,
        prompt=params.prompt,
        max_tokens=max_tokens,
        sampling=_sampling(params),
        stop=stop_words(params.stop),
        stop_token_ids=tuple(params.stop_token_ids or ()),
        logprobs=params.logprobs,
        prompt_logprobs=params.logprobs if echoes(params) else None,
    )


def echoes(params: GenerateParams) -> bool:
    """0.2.36 repeats the prompt unless told not to."""
    return params.echo is not False


@dataclass(slots=True)
class Messages:
    """Grows the whole text so far, which every message carries."""

    echo: str
    _text: str = ""
    _logprobs: list[TokenLogprob | PromptToken] = field(default_factory=list)
    _offset: int = field(init=False)

    def __post_init__(self) -> None:
        self._offset = len(self.echo)

    def next(self, chunk: Chunk) -> StreamMessage:
        self._text += chunk.text
        if chunk.prompt_logprobs:
            self._offset = 0
        self._logprobs += [*chunk.prompt_logprobs, *chunk.logprobs]
        usage = chunk.usage
        return StreamMessage(
            text=self.echo + self._text,
            usage=WireUsage(
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                total_tokens=usage.total_tokens,
            ),
            finish_reason=chunk.finish_reason,
            logprobs=text_logprobs(self._logprobs, self._offset),
        )


def _refuse_unsupported(params: GenerateParams, model: str) -> None:
    refuse(
        model,
        images=params.images,
        best_of=params.best_of not in (None, 1),
        use_beam_search=params.use_beam_search,
    )
    if params.logprobs is not None:
        within("logprobs", params.logprobs, 0, MAX_TOP_LOGPROBS)


def _sampling(params: GenerateParams) -> Sampling:
    top_k = params.top_k if params.top_k is not None and params.top_k > 0 else None
    return checked(
        Sampling(
            temperature=given(params.temperature, 1.0),
            top_p=given(params.top_p, 1.0),
            top_k=top_k,
            presence_penalty=given(params.presence_penalty, 0.0),
            frequency_penalty=given(params.frequency_penalty, 0.0),
            repetition_penalty=given(params.repetition_penalty, 1.0),
        )
    )
