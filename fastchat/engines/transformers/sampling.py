"""How the next tokens are chosen from rows of logits, one row a request. The same on both paths."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastchat.core.generation import Sampling
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.guide import Guide

# So many likely tokens nearly always hold what top_p and min_p leave; sorting all of them is slow.
_CANDIDATES = 256
_NO_HEAT = 1e-6


@dataclass(slots=True)
class Chooser:
    """One request's part: remembers what was said, because penalties look at it. `logprobs` as in
    the request. `cached_tokens` of the prompt were not computed again; told by who runs the model.
    `guide` holds the answer to a grammar.
    """

    sampling: Sampling
    prompt_ids: Sequence[int]
    logprobs: int | None = None
    seed: int | None = None
    guide: Guide | None = None
    tokens: list[Token] = field(default_factory=list)
    cached_tokens: int = 0
    _times: Any = None
    _seen: Any = None
    _bias: Any = None
    _dice: Any = None

    @property
    def is_narrow(self) -> bool:
        """Whether only some of the tokens can be chosen, by their likelihood."""
        one = self.sampling
        return one.temperature > 0 and (one.top_p < 1 or one.top_k is not None or one.min_p > 0)

    @property
    def is_drawn(self) -> bool:
        return self.sampling.temperature > 0

    def choose(self, row: Any) -> int:
        """`row` is one row of logits in float32; it is changed."""
        return choose_all([self], row.unsqueeze(0))[0]

    def edit(self, row: Any) -> None:
        """Changes the row as bias, penalties and the grammar want it."""
        sampling = self.sampling
        if sampling.logit_bias:
            if self._bias is None:
                ids, values = zip(*sampling.logit_bias.items(), strict=True)
                self._bias = row.new_tensor(ids).long(), row.new_tensor(values)
            row.index_add_(0, *self._bias)
        if sampling.repetition_penalty != 1:
            self._penalize_repetition(row)
        if sampling.presence_penalty or sampling.frequency_penalty:
            if self._times is None:
                self._times = row.new_zeros(row.shape)
            row -= sampling.presence_penalty * (self._times > 0)
            row -= sampling.frequency_penalty * self._times
        if self.guide is not None:
            self.guide.narrow(row)

    def saw(self, token: Token) -> None:
        self.tokens.append(token)
        if self.guide is not None:
            self.guide.saw(token.id)
        if self._times is not None:
            self._times[token.id] += 1
        if self._seen is not None:
            self._seen[token.id] = True

    def noise(self, like: Any) -> Any:
        """Of this request's own dice, if it has a seed; else of nobody's in particular."""
        if self.seed is not None and self._dice is None:
            import torch

            self._dice = torch.Generator(like.device).manual_seed(self.seed % 2**63)
        return like.new_empty(like.shape).exponential_(generator=self._dice)

    def _penalize_repetition(self, row: Any) -> None:
        """Looks at the prompt too, as everywhere; the other penalties at the answer only."""
        if self._seen is None:
            self._seen = row.new_zeros(row.shape).bool()
            self._seen[row.new_tensor(self.prompt_ids).long()] = True
        penalty = self.sampling.repetition_penalty
        row.copy_((row / penalty).where(row > 0, row * penalty).where(self._seen, row))


def choose_all(choosers: Sequence[Chooser], rows: Any) -> list[int]:
    """One token for each row; the rows, in float32, are changed."""
    wanted = [number for number, one in enumerate(choosers) if one.logprobs is not None]
    likely = rows[wanted].log_softmax(-1) if wanted else None
    for number, one in enumerate(choosers):
        one.edit(rows[number])
    chosen = _drawn(choosers, rows)
    told = _logprobs([choosers[n] for n in wanted], likely, [chosen[n] for n in wanted])
    tokens = dict(zip(wanted, told, strict=True))
    for number, one in enumerate(choosers):
        one.saw(tokens.get(number) or Token(chosen[number]))
    return chosen


def _drawn(choosers: Sequence[Chooser], rows: Any) -> list[int]:
    heats = [one.sampling.temperature for one in choosers]
    if not any(heats):
        return list(rows.argmax(-1).tolist())
    heat = rows.new_tensor(heats).unsqueeze(1)
    hot = (rows / heat.clamp(min=_NO_HEAT)).where(heat > 0, rows)
    picked = rows.argmax(-1)
    wide = [n for n, one in enumerate(choosers) if one.is_drawn and not one.is_narrow]
    if wide:
        chances = hot[wide].softmax(-1)
        picked[wide] = (chances / _noise([choosers[n] for n in wide], chances)).argmax(-1)
    narrow = [n for n, one in enumerate(choosers) if one.is_narrow]
    if narrow:
        picked[narrow] = _narrowed([choosers[n] for n in narrow], hot[narrow], _CANDIDATES)
    return list(picked.tolist())


def _narrowed(choosers: Sequence[Chooser], rows: Any, most: int) -> Any:
    """Draws from the `most` likeliest tokens of each row; from all, where these are not enough."""
    size = rows.shape[-1]
    most = min(most, size)
    values, ids = rows.topk(most) if most < size else rows.sort(descending=True)
    kept = _kept(choosers, values, rows)
    chances = values.softmax(-1) * kept
    picked = ids.gather(1, (chances / _noise(choosers, chances)).argmax(-1, keepdim=True)).squeeze(
        1
    )
    if most < size:
        # What is kept is the head of a row: if the last one is, there may be more behind it.
        short = [number for number, more in enumerate(kept[:, -1].tolist()) if more]
        if short:
            again = [choosers[number] for number in short]
            picked[short] = _narrowed(again, rows[short], size)
    return picked


def _kept(choosers: Sequence[Chooser], values: Any, rows: Any) -> Any:
    """Which of each row's likeliest tokens, best first, top_k, top_p and min_p leave: top_p looks
    at what top_k left."""
    size = rows.shape[-1]
    many = rows.new_tensor([one.sampling.top_k or size for one in choosers]).unsqueeze(1)
    mass = rows.new_tensor([one.sampling.top_p for one in choosers]).unsqueeze(1)
    least = rows.new_tensor([one.sampling.min_p for one in choosers]).unsqueeze(1)
    kept = rows.new_ones(values.shape).cumsum(-1) <= many
    of_head = values.masked_fill(~kept, float("-inf")).logsumexp(-1, keepdim=True)
    total = of_head.where(many < size, rows.logsumexp(-1, keepdim=True))
    chances = (values - total).exp()
    # A token stays while those before it have not yet reached top_p.
    kept &= (chances.cumsum(-1) - chances < mass) | (mass >= 1)
    return kept & (chances >= least * chances[:, :1])


def _noise(choosers: Sequence[Chooser], like: Any) -> Any:
    """The largest of chances over exponential noise is a draw by these chances."""
    if all(one.seed is None for one in choosers):
        return like.new_empty(like.shape).exponential_()
    noise = like.new_empty(like.shape)
    for row, one in zip(noise, choosers, strict=True):
        row.copy_(one.noise(row))
    return noise


def _logprobs(choosers: Sequence[Chooser], rows: Any, chosen: Sequence[int]) -> list[Token]:
    if rows is None:
        return []
    return likelihoods(rows, chosen, [one.logprobs or 0 for one in choosers])


def likelihoods(rows: Any, chosen: Sequence[int], most: Sequence[int]) -> list[Token]:
    """The chosen token of each row of log probabilities, with the likeliest ones beside it."""
    own = rows.gather(1, rows.new_tensor(chosen).long().unsqueeze(1)).squeeze(1).tolist()
    values, ids = rows.topk(min(max(most), rows.shape[-1]))
    return [
        Token(id, logprob, tuple(zip(top[:many], heights[:many], strict=True)))
        for many, id, logprob, top, heights in zip(
            most, chosen, own, ids.tolist(), values.tolist(), strict=True
        )
    ]
