"""How one request's next token is chosen from a row of logits. The same on both paths."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastchat.core.generation import Sampling
from fastchat.engines.transformers.answer import Token


@dataclass(slots=True)
class Chooser:
    """Remembers what was said, because penalties look at it. `logprobs` as in the request.

    `cached_tokens` of the prompt were not computed again; told by who runs the model.
    """

    sampling: Sampling
    prompt_ids: Sequence[int]
    logprobs: int | None = None
    seed: int | None = None
    tokens: list[Token] = field(default_factory=list)
    cached_tokens: int = 0
    _counts: Counter[int] = field(default_factory=Counter)
    _generator: Any = None

    @property
    def is_plain(self) -> bool:
        """Whether temperature alone decides, so that rows can be done together."""
        sampling = self.sampling
        return not self.changes_logits and (
            sampling.temperature == 0
            or (sampling.top_p == 1 and sampling.top_k is None and sampling.min_p == 0)
        )

    @property
    def changes_logits(self) -> bool:
        """Whether there is more to it than temperature, top_k, top_p and min_p."""
        sampling = self.sampling
        return (
            self.logprobs is not None
            or self.seed is not None
            or bool(sampling.logit_bias)
            or sampling.repetition_penalty != 1
            or sampling.presence_penalty != 0
            or sampling.frequency_penalty != 0
        )

    def choose(self, row: Any) -> int:
        """`row` is one row of logits in float32; it is changed."""
        raw = row.log_softmax(-1) if self.logprobs is not None else None
        self._bias(row)
        self._penalize(row)
        chosen = self._pick(row)
        self.saw(chosen, raw)
        return chosen

    def saw(self, chosen: int, raw: Any = None) -> None:
        self._counts[chosen] += 1
        self.tokens.append(Token(chosen) if raw is None else self._with_logprobs(chosen, raw))

    def _with_logprobs(self, chosen: int, raw: Any) -> Token:
        if not self.logprobs:
            return Token(chosen, float(raw[chosen]))
        values, ids = raw.topk(min(self.logprobs, raw.shape[-1]))
        top = tuple(zip(ids.tolist(), values.tolist(), strict=True))
        return Token(chosen, float(raw[chosen]), top)

    def _bias(self, row: Any) -> None:
        for token_id, bias in self.sampling.logit_bias.items():
            row[token_id] += bias

    def _penalize(self, row: Any) -> None:
        """Repetition looks at the prompt too, as everywhere; the other two at the answer only."""
        sampling = self.sampling
        if sampling.repetition_penalty != 1:
            seen = row.new_tensor(sorted({*self.prompt_ids, *self._counts})).long()
            values = row[seen]
            penalty = sampling.repetition_penalty
            row[seen] = (values / penalty).where(values > 0, values * penalty)
        if self._counts and (sampling.presence_penalty or sampling.frequency_penalty):
            said = row.new_tensor(list(self._counts)).long()
            times = row.new_tensor(list(self._counts.values()))
            row[said] -= sampling.presence_penalty + sampling.frequency_penalty * times

    def _pick(self, row: Any) -> int:
        sampling = self.sampling
        if sampling.temperature == 0:
            return int(row.argmax())
        values, ids = row.div_(sampling.temperature).sort(descending=True, stable=True)
        if sampling.top_k is not None:
            values, ids = values[: sampling.top_k], ids[: sampling.top_k]
        chances = values.softmax(-1)
        if sampling.top_p < 1:
            # A token stays while those before it have not yet reached top_p.
            chances = chances * (chances.cumsum(-1) - chances < sampling.top_p)
        if sampling.min_p > 0:
            chances = chances * (chances >= sampling.min_p * chances[0])
        noise = chances.new_empty(chances.shape).exponential_(generator=self._dice(row))
        return int(ids[(chances / noise).argmax()])

    def _dice(self, row: Any) -> Any:
        """None: nobody's in particular."""
        if self.seed is None:
            return None
        if self._generator is None:
            import torch

            self._generator = torch.Generator(row.device).manual_seed(self.seed % 2**63)
        return self._generator


def choose_all(choosers: Sequence[Chooser], rows: Any) -> list[int]:
    """One token for each row. Rows that only have a temperature are done at once."""
    plain = [number for number, one in enumerate(choosers) if one.is_plain]
    chosen = [0] * len(choosers)
    for number, token_id in zip(
        plain, _drawn([choosers[n] for n in plain], rows, plain), strict=True
    ):
        chosen[number] = token_id
        choosers[number].saw(token_id)
    for number in set(range(len(choosers))).difference(plain):
        chosen[number] = choosers[number].choose(rows[number])
    return chosen


def _drawn(choosers: Sequence[Chooser], rows: Any, numbers: Sequence[int]) -> list[int]:
    if not choosers:
        return []
    mine = rows if len(numbers) == len(rows) else rows[list(numbers)]
    heats = [one.sampling.temperature for one in choosers]
    if any(heats):
        # Adding Gumbel noise and taking the largest is drawing from the softmax.
        heat = mine.new_tensor(heats).unsqueeze(1)
        noise = -mine.new_empty(mine.shape).exponential_().log_()
        mine = (mine / heat.clamp(min=1e-6) + noise).where(heat > 0, mine)
    picked: list[int] = mine.argmax(-1).tolist()
    return picked
