"""How likely a model finds each token of a prompt: a job for `Turns`, over modules of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastchat.core.generation import Chunk, GenerationRequest, PromptToken, TokenLogprob, Usage
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.lora import Adapter
from fastchat.engines.transformers.sampling import likelihoods
from fastchat.engines.transformers.turns import Turns
from fastchat.engines.transformers.vocabulary import Vocabulary

# A step has a row of logits for each of its tokens, each as long as the vocabulary.
MOST_AT_ONCE = 256


class Scorer:
    """`model` has modules of its own, and keeps keys and values."""

    def __init__(self, model: Any, adapters: Adapters, step: int) -> None:
        self._model = model
        self._adapters = adapters
        self._step = min(step, MOST_AT_ONCE)
        self._turns = Turns("scoring")
        adapters.hook(model)

    async def chunk(
        self, request: GenerationRequest, ids: Sequence[int], vocabulary: Vocabulary
    ) -> Chunk:
        """The prompt; and the end, where nothing else was wanted."""
        async with self._adapters.held(request.model) as adapter:
            tokens = await self._turns.run(self._scored(ids, request.prompt_logprobs or 0, adapter))
        is_all = request.max_tokens == 0
        return Chunk(
            prompt_logprobs=named(tokens, vocabulary, request.prompt),
            usage=Usage(prompt_tokens=len(ids)),
            finish_reason="length" if is_all else None,
        )

    async def aclose(self) -> None:
        await self._turns.aclose()

    def _scored(
        self, ids: Sequence[int], most: int, adapter: Adapter | None
    ) -> Iterator[Sequence[Token]]:
        import torch
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config)
        yield [Token(ids[0])]
        for start in range(0, len(ids) - 1, self._step):
            piece = torch.tensor([ids[start : start + self._step]], device=self._model.device)
            with torch.inference_mode(), self._adapters.over_all(adapter):
                logits = self._model(piece, past_key_values=cache, use_cache=True).logits[0]
                following = ids[start + 1 : start + 1 + len(logits)]
                rows = logits[: len(following)].float().log_softmax(-1)
                yield likelihoods(rows, following, [most] * len(following))


def named(
    tokens: Sequence[Token], vocabulary: Vocabulary, prompt: object
) -> tuple[PromptToken, ...]:
    raws = [vocabulary.raw(token.id) for token in tokens]
    shown = raws
    if isinstance(prompt, str):
        shown = within_text(raws, prompt, begins=vocabulary.is_mark(tokens[0].id))
    return tuple(
        PromptToken(
            token=raw.decode(errors="replace"),
            raw=text,
            logprob=token.logprob,
            top=tuple(_rival(vocabulary.raw(id), logprob) for id, logprob in token.top),
        )
        for token, raw, text in zip(tokens, raws, shown, strict=True)
    )


def within_text(raws: Sequence[bytes], text: str, *, begins: bool) -> list[bytes]:
    """Without what a tokenizer puts before a text: a mark, with which it `begins`, and a blank."""
    shown, start = list(raws), text.encode()
    if begins and not start.startswith(shown[0]):
        shown[0] = b""
    place = 0 if shown[0] else 1
    if place < len(shown) and shown[place].startswith(b" ") and not start.startswith(b" "):
        shown[place] = shown[place][1:]
    return shown


def _rival(raw: bytes, logprob: float) -> TokenLogprob:
    return TokenLogprob(token=raw.decode(errors="replace"), raw=raw, logprob=logprob)
