"""Bounds that hold in every dialect. Each refusal names the field at fault."""

from fastchat.core.errors import OutOfRange, Unsupported
from fastchat.core.generation import Sampling

MAX_TOP_LOGPROBS = 20


def within(name: str, value: float, low: float, high: float | None) -> None:
    """Raises `OutOfRange`, in the words of 0.2.36."""
    if value < low:
        raise OutOfRange(f"{value} is less than the minimum of {low} - '{name}'", param=name)
    if high is not None and value > high:
        raise OutOfRange(f"{value} is greater than the maximum of {high} - '{name}'", param=name)


def checked(sampling: Sampling) -> Sampling:
    within("temperature", sampling.temperature, 0, 2)
    within("top_p", sampling.top_p, 0, 1)
    within("min_p", sampling.min_p, 0, 1)
    within("presence_penalty", sampling.presence_penalty, -2, 2)
    within("frequency_penalty", sampling.frequency_penalty, -2, 2)
    within("repetition_penalty", sampling.repetition_penalty, 0.01, 10)
    for bias in sampling.logit_bias.values():
        within("logit_bias", bias, -100, 100)
    return sampling


def given(value: float | None, default: float) -> float:
    """Null is as good as nothing."""
    return default if value is None else value


def stop_words(stop: str | list[str] | None) -> tuple[str, ...]:
    words = [stop] if isinstance(stop, str) else stop or []
    return tuple(word for word in words if word)


def refuse(model: str, **wanted: object) -> None:
    """Refuse what would change the answer and cannot be honoured."""
    features = [name for name, value in wanted.items() if value]
    if features:
        raise Unsupported(features, model=model)
