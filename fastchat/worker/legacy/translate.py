"""Generation parameters of 0.2.36 as generation requests, and chunks as its messages. No I/O."""

from dataclasses import dataclass, field

from fastchat.core.errors import InvalidRequest, OutOfRange, Unsupported
from fastchat.core.generation import Chunk, GenerationRequest, Sampling, TokenLogprob
from fastchat.protocol.openai.logprobs import text_logprobs
from fastchat.protocol.wire import GenerateParams, StreamMessage, WireUsage

DEFAULT_NEW_TOKENS = 256


def generation(params: GenerateParams, *, id: str, model: str) -> GenerationRequest:
    """`model` is the worker's own when the caller names none."""
    name = params.model or model
    _refuse_unsupported(params, name)
    max_tokens = DEFAULT_NEW_TOKENS if params.max_new_tokens is None else params.max_new_tokens
    if max_tokens < 1:
        raise OutOfRange(
            f"{max_tokens} is less than the minimum of 1 - 'max_new_tokens'",
            param="max_new_tokens",
        )
    return GenerationRequest(
        id=id,
        model=name,
        prompt=params.prompt,
        max_tokens=max_tokens,
        sampling=_sampling(params),
        stop=_stop(params.stop),
        stop_token_ids=tuple(params.stop_token_ids or ()),
        logprobs=params.logprobs,
    )


def echoes(params: GenerateParams) -> bool:
    """0.2.36 repeats the prompt unless told not to."""
    return params.echo is not False


@dataclass(slots=True)
class Messages:
    """Grows the whole text so far, which every message carries."""

    echo: str
    _text: str = ""
    _logprobs: list[TokenLogprob] = field(default_factory=list)

    def next(self, chunk: Chunk) -> StreamMessage:
        self._text += chunk.text
        self._logprobs.extend(chunk.logprobs)
        usage = chunk.usage
        return StreamMessage(
            text=self.echo + self._text,
            usage=WireUsage(
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                total_tokens=usage.total_tokens,
            ),
            finish_reason=chunk.finish_reason,
            logprobs=text_logprobs(self._logprobs, len(self.echo)),
        )


def _refuse_unsupported(params: GenerateParams, model: str) -> None:
    wanted = {
        "images": params.images,
        "best_of": params.best_of not in (None, 1),
        "use_beam_search": params.use_beam_search,
        "echo_with_logprobs": echoes(params) and params.logprobs is not None,
    }
    features = [name for name, value in wanted.items() if value]
    if features:
        raise Unsupported(features, model=model)
    if params.logprobs is not None and params.logprobs < 0:
        raise InvalidRequest("logprobs must not be negative", param="logprobs")


def _sampling(params: GenerateParams) -> Sampling:
    top_k = params.top_k if params.top_k is not None and params.top_k > 0 else None
    neutral = Sampling()
    return Sampling(
        temperature=_or(params.temperature, neutral.temperature),
        top_p=_or(params.top_p, neutral.top_p),
        top_k=top_k,
        presence_penalty=_or(params.presence_penalty, neutral.presence_penalty),
        frequency_penalty=_or(params.frequency_penalty, neutral.frequency_penalty),
        repetition_penalty=_or(params.repetition_penalty, neutral.repetition_penalty),
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    words = [stop] if isinstance(stop, str) else stop or []
    return tuple(word for word in words if word)
