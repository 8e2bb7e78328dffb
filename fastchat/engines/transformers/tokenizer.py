"""The tokenizer of a checkpoint, alone."""

from collections.abc import Sequence
from typing import Any

from fastchat.core.generation import Chat, Feature
from fastchat.engines.transformers import checkpoint, loading
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.vocabulary import Vocabulary


class TokenizerOnly:
    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = Vocabulary(tokenizer)

    @property
    def features(self) -> frozenset[Feature]:
        return frozenset(["chat"] if self._vocabulary.has_chat_template else [])

    async def render(self, chat: Chat) -> str:
        return self._vocabulary.render(chat)

    async def pieces(self, prompt: str, *, rendered: bool) -> Sequence[str]:
        ids = self._vocabulary.encode(prompt, bare=rendered)
        return [str(piece) for piece in self._tokenizer.convert_ids_to_tokens(list(ids))]


def load(model: str, *, revision: str, trust_remote_code: bool) -> TokenizerOnly:
    """Raises `ConfigError`."""
    loading.check_libraries()
    import transformers

    options = Options(model=model, names=(), revision=revision, trust_remote_code=trust_remote_code)
    with checkpoint.explained(options):
        found = transformers.AutoTokenizer.from_pretrained(model, **loading.hub_words(options))
    return TokenizerOnly(found)
