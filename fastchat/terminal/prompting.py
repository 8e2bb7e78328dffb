"""How a model is prompted, without its weights where they can be left alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from fastchat.core.errors import ConfigError
from fastchat.core.generation import Chat, Engine, Feature, RendersChat, Tokenizes
from fastchat.engines.loading import ModelFlags, load_engine
from fastchat.model.adapter_files import register_adapters
from fastchat.model.weights import default_model_name, is_hub_id

# Tokens of context: nothing is answered here.
_SMALLEST = 64


class Prompting(Protocol):
    """Renders and tokenizes as the engine of this model does."""

    @property
    def features(self) -> frozenset[Feature]: ...

    async def render(self, chat: Chat) -> str: ...

    async def pieces(self, prompt: str, *, rendered: bool) -> Sequence[str]:
        """The tokens that the model reads; `rendered` tells a prompt that `render` made."""
        ...


@asynccontextmanager
async def prompting(flags: ModelFlags) -> AsyncIterator[Prompting]:
    """Blocks while it loads. Raises `ConfigError`."""
    if is_hub_id(flags.model_path) or _has_tokenizer(flags.model_path):
        register_adapters(flags.adapter)
        yield _checkpoint(flags)
        return
    small = replace(flags, context_length=_SMALLEST)
    engine = load_engine(small, names=[default_model_name(flags.model_path)], slots=1)
    try:
        yield _OfEngine(engine)
    finally:
        await engine.aclose()


def _checkpoint(flags: ModelFlags) -> Prompting:
    from fastchat.engines.transformers.tokenizer import load  # not for those who have a GGUF file

    return load(
        flags.model_path, revision=flags.revision, trust_remote_code=flags.trust_remote_code
    )


def _has_tokenizer(folder: str) -> bool:
    return (Path(folder).expanduser() / "tokenizer_config.json").is_file()


@dataclass(frozen=True, slots=True)
class _OfEngine:
    engine: Engine

    @property
    def features(self) -> frozenset[Feature]:
        return self.engine.features

    async def render(self, chat: Chat) -> str:
        if not isinstance(self.engine, RendersChat):
            raise ConfigError(f"the engine of {self.engine.model_names[0]} cannot render")
        return await self.engine.render(chat)

    async def pieces(self, prompt: str, *, rendered: bool) -> Sequence[str]:
        if not isinstance(self.engine, Tokenizes):
            raise ConfigError(f"the engine of {self.engine.model_names[0]} cannot tokenize")
        ids = await self.engine.tokenize(prompt)
        return [await self.engine.detokenize([id]) or f"<{id}>" for id in ids]
