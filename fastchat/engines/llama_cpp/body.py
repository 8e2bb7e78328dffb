"""A generation request in the words of llama.cpp's completion endpoint."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.core.generation import GenerationRequest, Sampling
from fastchat.engines.llama_cpp.grammars import field_of
from fastchat.model.writing import Wanted

# llama.cpp takes 32 bits, and reads the largest number as "any".
_SEEDS = 2**32 - 1


def completion_body(
    request: GenerationRequest,
    prompt: str | tuple[int, ...],
    *,
    context_length: int,
    default_seed: int | None,
    wanted: Wanted | None = None,
    marks: Sequence[str] = (),
) -> bytes:
    """Text gets the tokens that the model's tokenizer puts around text (BOS, if it does); token
    ids get none. Raises `InvalidRequest`."""
    if request.max_tokens is not None and request.max_tokens < 1:
        raise OutOfRange("max_tokens must be at least 1", param="max_tokens")
    # `return_progress` sends an event for each batch of the prompt, on which one can cancel.
    body: dict[str, object] = {
        "prompt": prompt,
        "stream": True,
        "timings_per_token": True,
        "return_progress": True,
        "cache_prompt": True,
        "n_predict": min(request.max_tokens or context_length, context_length),
        **_sampling(request.sampling, context_length),
        "seed": _seed(request.sampling.seed, default_seed),
    }
    if request.logprobs is not None or request.stop_token_ids:
        # Only so does an event carry the token's id.
        body["n_probs"] = max(1, request.logprobs or 0)
    if wanted is not None:
        body["grammar"] = field_of(wanted)
    if marks:
        # Of special tokens llama.cpp shows only those.
        body["preserved_tokens"] = list(marks)
    return msgspec.json.encode(body)


def check_token_ids(request: GenerationRequest, vocabulary_size: int) -> None:
    """llama.cpp ignores a bias on a token that does not exist; here it is an error."""
    check_known("logit_bias", request.sampling.logit_bias, vocabulary_size)
    check_known("stop_token_ids", request.stop_token_ids, vocabulary_size)


def check_known(param: str, ids: Iterable[int], vocabulary_size: int) -> None:
    unknown = [id for id in ids if not 0 <= id < vocabulary_size]
    if unknown:
        raise InvalidRequest(
            f"{param}: this model's tokens are 0 to {vocabulary_size - 1}, not {unknown[0]}",
            param=param,
        )


def _seed(wanted: int | None, default: int | None) -> int:
    seed = default if wanted is None else wanted
    return -1 if seed is None else seed % _SEEDS


def _sampling(sampling: Sampling, context_length: int) -> dict[str, object]:
    """Only the samplers named in the chain act: what llama.cpp does by default stays out."""
    return {
        "samplers": list(_chain(sampling)),
        "temperature": sampling.temperature,
        "top_k": sampling.top_k or 0,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": sampling.repetition_penalty,
        # All penalties look at the whole context: llama.cpp cannot leave the prompt out.
        "repeat_last_n": context_length,
        "logit_bias": list(sampling.logit_bias.items()),
    }


def _chain(sampling: Sampling) -> Iterator[str]:
    penalties = (sampling.presence_penalty, sampling.frequency_penalty)
    if any(penalties) or sampling.repetition_penalty != 1:
        yield "penalties"
    yield "temperature"
    if sampling.temperature == 0:
        return
    if sampling.top_k is not None:
        yield "top_k"
    if sampling.top_p < 1:
        yield "top_p"
    if sampling.min_p > 0:
        yield "min_p"
