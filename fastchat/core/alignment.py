"""Log probabilities beside a text of which some is held back."""

from dataclasses import dataclass, field

from fastchat.core.generation import TokenLogprob


@dataclass(slots=True)
class Alignment:
    """Keeps each token's log probability until text of the token is shown."""

    _seen: int = 0
    _shown: int = 0
    _waiting: list[tuple[int, TokenLogprob]] = field(default_factory=list)

    def saw(self, token: TokenLogprob, length: int) -> None:
        """`length` characters of text came with this token."""
        self._waiting.append((self._seen, token))
        self._seen += length

    def of_shown(self, text: str) -> tuple[TokenLogprob, ...]:
        """What belongs to the text that is shown now."""
        self._shown += len(text)
        shown = [token for start, token in self._waiting if start < self._shown]
        del self._waiting[: len(shown)]
        return tuple(shown)
