"""Tokens of one answer as chunks: stop tokens, stop strings, log probabilities. No tensors."""

from collections.abc import Callable, Set
from dataclasses import dataclass, field

from fastchat.core.alignment import Alignment
from fastchat.core.generation import Chunk, FinishReason, GenerationRequest, TokenLogprob, Usage
from fastchat.core.stop_strings import StopStrings
from fastchat.engines.transformers.decoder import Detokenizer


@dataclass(frozen=True, slots=True)
class Token:
    """One that was chosen; if they are wanted, with its log probability and those of its rivals."""

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(slots=True)
class Answer:
    """`ends` are the tokens that end an answer and are not shown."""

    request: GenerationRequest
    detokenizer: Detokenizer
    ends: Set[int]
    prompt_tokens: int
    most_tokens: int
    raw: Callable[[int], bytes]
    spoken: int = 0
    cached_tokens: int = 0
    _stop: StopStrings = field(init=False)
    _logprobs: Alignment = field(default_factory=Alignment)

    def __post_init__(self) -> None:
        self._stop = StopStrings([stop for stop in self.request.stop if stop])

    def read(self, token: Token) -> Chunk | None:
        """None when there is nothing to show yet."""
        self.spoken += 1
        if token.id in self.ends:
            return self._chunk(self._rest(""), "stop")
        last = self.spoken >= self.most_tokens
        piece = self.detokenizer.push(token.id)
        if last:
            piece += self.detokenizer.rest()
        self._saw(token, len(piece))
        text = self._stop.push(piece)
        if self._stop.found:
            return self._chunk(text, "stop")
        return self._chunk(text + self._stop.rest(), "length") if last else self._chunk(text, None)

    def _rest(self, text: str) -> str:
        text += self._stop.push(self.detokenizer.rest())
        return text if self._stop.found else text + self._stop.rest()

    def _saw(self, token: Token, length: int) -> None:
        if token.logprob is not None:
            top = tuple(self._named(id, logprob) for id, logprob in token.top)
            self._logprobs.saw(self._named(token.id, token.logprob, top), length)

    def _named(self, id: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        raw = self.raw(id)
        text = raw.decode(errors="replace")
        return TokenLogprob(token=text, raw=raw, logprob=logprob, top=top)

    def _chunk(self, text: str, finish: FinishReason | None) -> Chunk | None:
        logprobs = self._logprobs.of_shown(text)
        if not (text or logprobs or finish):
            return None
        usage = Usage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.spoken,
            cached_tokens=self.cached_tokens,
        )
        return Chunk(text=text, usage=usage, finish_reason=finish, logprobs=logprobs)
