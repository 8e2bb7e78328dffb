"""Log probabilities beside a text, in the form of the completions endpoint and of 0.2.36."""

from collections.abc import Sequence
from itertools import accumulate

from fastchat.core.generation import PromptToken, TokenLogprob
from fastchat.protocol.openai.answers import CompletionLogprobs

Tokens = Sequence[TokenLogprob | PromptToken]


def text_logprobs(tokens: Tokens, offset: int) -> CompletionLogprobs | None:
    """`offset` is where the first token begins in the text. None when there are none."""
    if not tokens:
        return None
    lengths = [_characters(token.raw) for token in tokens]
    return CompletionLogprobs(
        tokens=[token.token for token in tokens],
        token_logprobs=[token.logprob for token in tokens],
        top_logprobs=[
            None if token.logprob is None else {top.token: top.logprob for top in token.top}
            for token in tokens
        ],
        text_offset=list(accumulate(lengths[:-1], initial=offset)),
    )


def _characters(raw: bytes) -> int:
    """Those that begin in these bytes of UTF-8: a token may be a part of one."""
    return sum(byte & 0xC0 != 0x80 for byte in raw)
