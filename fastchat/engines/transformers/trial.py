"""What a model can really do, found out before anybody asks it: some tokens of a short prompt.

Names of classes and flags tell of what is known today; what else a model cannot do shows here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from fastchat.core.errors import ConfigError, EngineFailed, PlatformError
from fastchat.core.generation import Sampling
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.delivery import Sink
from fastchat.engines.transformers.manager import Batcher
from fastchat.engines.transformers.sampling import Chooser
from fastchat.engines.transformers.single import (
    Task,
    generate,
    has_keys_and_values,
    twin,
    unopinionated,
)

logger = logging.getLogger(__name__)

_PROMPT = (5, 3, 7, 4, 8, 6)
_TOKENS = 3
# How far logits may be apart, of their spread. Other shapes round otherwise, in float16 as much as
# 0.3; rows that have nothing in common are 1.4 apart.
_NEAR = 0.7
_PATIENCE_S = 300.0


def reads_in_pieces(model: Any, name: str) -> bool:
    """Whether it says the same of a prompt that was read into a cache before. Raises `ConfigError`
    for a model that says nothing."""
    model = twin(model)
    model.generation_config = unopinionated(model.generation_config)
    try:
        plain = _logits(model, in_pieces=False)
    except Exception as error:
        raise ConfigError(f"{name} makes no text: {type(error).__name__}: {error}") from error
    if any(row.isnan().any() for row in plain):
        raise ConfigError(
            f"{name} makes no text: its logits are no numbers (NaN) in {model.dtype}: its "
            "weights are damaged, or want another --dtype"
        )
    if not has_keys_and_values(model):
        return False
    reason = _why_not_in_pieces(model, plain)
    if reason is not None:
        logger.info("%s reads prompts as a whole: %s", type(model).__name__, reason)
    return reason is None


def try_batch(batcher: Batcher, longest: int) -> None:
    """Two prompts at once, and one of them again, whose beginning is cached by then. `longest` is
    what a request may hold. Raises `PlatformError` for a model that cannot be batched."""
    room = min(longest, batcher.cache_tokens) - _TOKENS
    long = [*_PROMPT] * (batcher.page // len(_PROMPT) + 2)
    prompts = [long[: max(1, room)], _PROMPT[: max(1, room)]]
    _try_together(batcher, prompts)
    _try_together(batcher, prompts[:1])


def _try_together(batcher: Batcher, prompts: Sequence[Sequence[int]]) -> None:
    heard: SimpleQueue[Sequence[Token] | PlatformError] = SimpleQueue()
    for prompt in prompts:
        sink = Sink(Chooser(Sampling(temperature=0.0), prompt), heard.put, heard.put)
        batcher.submit(sink, prompt, _TOKENS, ())
    left = len(prompts) * _TOKENS
    while left:
        try:
            told = heard.get(timeout=_PATIENCE_S)
        except Empty:
            raise EngineFailed(f"it said nothing for {_PATIENCE_S:.0f} s") from None
        if isinstance(told, PlatformError):
            raise told
        left -= len(told)


@dataclass(slots=True)
class _Forced(Chooser):
    """Chooses the same whatever the model says, and keeps what it said."""

    rows: list[Any] = field(default_factory=list)

    def choose(self, row: Any) -> int:
        self.rows.append(row)
        self.saw(Token(self.prompt_ids[len(self.rows) % len(self.prompt_ids)]))
        return self.tokens[-1].id


def _logits(model: Any, *, in_pieces: bool) -> list[Any]:
    prompt = _PROMPT
    chooser = _Forced(Sampling(temperature=0.0), prompt)
    task = Task(
        chooser=chooser,
        adapter=None,
        prompt=prompt,
        most_tokens=_TOKENS,
        ends=(),
        put=lambda tokens: None,
        fail=lambda error: None,
        left=lambda: False,
    )
    generate(model, task, in_pieces=in_pieces)
    if len(chooser.rows) != _TOKENS:
        raise EngineFailed(f"it ended after {len(chooser.rows)} of {_TOKENS} tokens")
    return chooser.rows


def _why_not_in_pieces(model: Any, plain: Sequence[Any]) -> str | None:
    widths: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda _, args, words: widths.append(
            (words.get("input_ids") if not args else args[0]).shape[1]
        ),
        with_kwargs=True,
    )
    try:
        again = _logits(model, in_pieces=True)
    except Exception as error:  # noqa: BLE001  # a class may do with a cache what it likes
        return " ".join(str(error).split())
    finally:
        hook.remove()
    if widths[-_TOKENS:] != [1] * _TOKENS:
        return "with a cache of ours it reads the whole text at each token"
    if any(_distance(*rows) > _NEAR for rows in zip(plain, again, strict=True)):
        return "with a cache of ours it says something else"
    return None


def _distance(row: Any, other: Any) -> float:
    """Of two rows of logits; a part of the vocabulary may be barred."""
    both = row.isfinite() & other.isfinite()
    row, other = row[both], other[both]
    return float((row - other).norm() / (row - row.mean()).norm().clamp(min=1e-6))
