"""Token ids to text, piece by piece: what is shown is never taken back, no character is cut."""

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]

# Tokens of the prompt that are decoded along, so that a first blank is not lost.
_CONTEXT = 6
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """The pieces together are what `decode` makes of all the tokens behind the prompt."""

    def __init__(self, decode: Decode, prompt_ids: Sequence[int] = ()) -> None:
        self._decode = decode
        self._ids = list(prompt_ids[-_CONTEXT:])
        self._before = decode(self._ids) if self._ids else ""
        if self._before.endswith(_INCOMPLETE):
            self._ids, self._before = [], ""
        self._read = len(self._ids)

    def push(self, token_id: int) -> str:
        """Empty while a character is not complete."""
        self._ids.append(token_id)
        text = self._decode(self._ids)
        if text.endswith(_INCOMPLETE) or len(text) <= len(self._before):
            return ""
        return self._shown(text)

    def rest(self) -> str:
        """What was held back for the rest of a character that did not come."""
        if self._read == len(self._ids):
            return ""
        return self._shown(self._decode(self._ids))

    def _shown(self, text: str) -> str:
        """What is new in `text`; from here on, the tokens of this piece are the context."""
        new = text[len(self._before) :]
        self._ids = self._ids[self._read :]
        self._read = len(self._ids)
        self._before = self._decode(self._ids)
        return new
