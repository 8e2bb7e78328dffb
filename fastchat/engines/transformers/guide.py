"""Grammars in the place where tokens are chosen: what would break one cannot be chosen.

llguidance keeps the grammar's state and tells which tokens may follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from fastchat.core.errors import InvalidRequest
from fastchat.model.writing import Wanted

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer


@dataclass(slots=True)
class Guide:
    """Of one answer. `failed` when the grammar grew beyond its limits: then the answer ends."""

    matcher: "LLMatcher"
    ends: Sequence[int]
    param: str
    failed: bool = False

    def narrow(self, row: Any) -> None:
        """Leaves of a row of logits only what may come next."""
        import torch

        if self.matcher.is_stopped():
            self.failed = self.failed or self.matcher.is_error()
            allowed = row.new_zeros(row.shape).bool()
            allowed[row.new_tensor(self.ends).long()] = True
        else:
            mask = torch.frombuffer(bytearray(self.matcher.compute_bitmask()), dtype=torch.uint8)
            bits = mask.unsqueeze(1).bitwise_right_shift(torch.arange(8, dtype=torch.uint8))
            allowed = row.new_zeros(row.shape).bool()
            known = bits.bitwise_and(1).flatten()[: row.shape[0]].bool()
            allowed[: known.shape[0]] = known.to(row.device)
            if self.matcher.is_error() or not bool(known.any()):
                self.failed = True
                allowed[row.new_tensor(self.ends).long()] = True
        row.masked_fill_(~allowed, float("-inf"))

    def saw(self, token_id: int) -> None:
        if not self.matcher.is_stopped():
            self.matcher.consume_token(token_id)


class Guides:
    """For one tokenizer, of the fast kind. `size` is that of the model's table."""

    def __init__(self, tokenizer: Any, *, size: int, ends: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._ends = ends
        self._lock = Lock()
        self._known: LLTokenizer | None = None

    @property
    def can_guide(self) -> bool:
        return bool(self._ends) and hasattr(self._tokenizer, "backend_tokenizer")

    def guide(self, wanted: Wanted) -> Guide:
        """Blocks, the first time for about a second. Raises `InvalidRequest`."""
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_lark(wanted.lark)
        matcher = LLMatcher(self._vocabulary(), grammar, log_level=0)
        # Some are only found to lead nowhere when the first token is asked for.
        begins = not matcher.is_error() and any(matcher.compute_bitmask())
        if matcher.is_error() or not begins:
            told = matcher.get_error().strip().splitlines()
            reason = told[0] if told else "no answer begins as it says"
            raise InvalidRequest(
                f"{wanted.param}: this cannot be enforced: {reason}", param=wanted.param
            )
        return Guide(matcher, self._ends, wanted.param)

    def _vocabulary(self) -> "LLTokenizer":
        from llguidance import LLTokenizer

        with self._lock:
            if self._known is None:
                self._known = LLTokenizer(
                    self._tokenizer.backend_tokenizer.to_str(),
                    n_vocab=self._size,
                    eos_token=list(self._ends),
                )
            return self._known
