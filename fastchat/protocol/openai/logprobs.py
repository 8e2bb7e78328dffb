"""Log probabilities beside a text, in the form of the completions endpoint and of 0.2.36."""

from collections.abc import Sequence
from itertools import accumulate

from fastchat.core.generation import TokenLogprob
from fastchat.protocol.openai.answers import CompletionLogprobs


def text_logprobs(logprobs: Sequence[TokenLogprob], offset: int) -> CompletionLogprobs | None:
    """`offset` is where the first token begins in the text. None when there are none."""
    if not logprobs:
        return None
    lengths = [len(token.token) for token in logprobs]
    return CompletionLogprobs(
        tokens=[token.token for token in logprobs],
        token_logprobs=[token.logprob for token in logprobs],
        top_logprobs=[{top.token: top.logprob for top in token.top} for token in logprobs],
        text_offset=list(accumulate(lengths[:-1], initial=offset)),
    )
