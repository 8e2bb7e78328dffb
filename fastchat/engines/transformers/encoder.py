"""Texts through a model, in steps that are bounded: what embeddings and rerank have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastchat.core.errors import ContextOverflow

# One text as the model takes it: ids, and kinds of tokens where the model knows them.
Encoded = Mapping[str, list[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """`step` tokens go through the model at once, unless one text has more and cannot be cut into
    pieces; `longest` is one text, of which the rest is cut off with `truncate`."""

    step: int
    longest: int
    truncate: bool = False


class Encoder:
    """`is_causal`: a token sees only those before it, so a long text may go in pieces."""

    def __init__(self, model: Any, tokenizer: Any, limits: Limits, *, is_causal: bool) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self.limits = limits
        self._is_causal = is_causal
        self._padding = tokenizer.pad_token_id or 0

    def encoded(self, text: str, pair: str | None = None) -> Encoded:
        """Raises `ContextOverflow`."""
        cut = {"truncation": True, "max_length": self.limits.longest}
        found: Encoded = self._tokenizer(text, pair, **(cut if self.limits.truncate else {}))
        size = len(found["input_ids"])
        if size > self.limits.longest:
            raise ContextOverflow(size, self.limits.longest, param="input")
        return found

    def batches(self, texts: Sequence[Encoded]) -> Iterator[list[int]]:
        """Places of texts that go through the model together: of like length, longest first."""
        places = sorted(range(len(texts)), key=lambda place: -_size(texts[place]))
        while places:
            count = max(1, self.limits.step // max(1, _size(texts[places[0]])))
            yield places[:count]
            places = places[count:]

    def states(self, texts: Sequence[Encoded]) -> Iterator[list[Any] | None]:
        """None after each step but the last, which has the hidden states of each text."""
        if len(texts) == 1 and self._is_causal and _size(texts[0]) > self.limits.step:
            yield from self._in_pieces(texts[0]["input_ids"])
            return
        hidden = self.output(texts).last_hidden_state
        yield [hidden[row, : _size(text)] for row, text in enumerate(texts)]

    def output(self, texts: Sequence[Encoded]) -> Any:
        """Of the model, for texts padded to one length."""
        import torch

        longest = max(map(_size, texts))
        padding = {"input_ids": self._padding}
        words = {
            name: torch.tensor(
                [
                    text[name] + [padding.get(name, 0)] * (longest - len(text[name]))
                    for text in texts
                ],
                device=self._model.device,
            )
            for name in texts[0]
        }
        with torch.inference_mode():
            return self._model(**words)

    def _in_pieces(self, ids: list[int]) -> Iterator[list[Any] | None]:
        import torch
        from transformers import DynamicCache

        cache, states = DynamicCache(config=self._model.config), []
        with torch.inference_mode():
            for start in range(0, len(ids), self.limits.step):
                if start:
                    yield None
                piece = torch.tensor(
                    [ids[start : start + self.limits.step]], device=self._model.device
                )
                output = self._model(piece, past_key_values=cache, use_cache=True)
                states.append(output.last_hidden_state[0])
            yield [torch.cat(states)]


def _size(text: Encoded) -> int:
    return len(text["input_ids"])
