"""An engine whose chats are written by a named template, where it is one of several in a worker."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastchat.core.errors import Unsupported
from fastchat.core.generation import (
    Chunk,
    Engine,
    Feature,
    GenerationRequest,
    required_features,
)
from fastchat.model.context import context_length_of
from fastchat.model.template import NamedTemplate
from fastchat.model.writing import read


class Templated:
    def __init__(self, engine: Engine, template: NamedTemplate) -> None:
        self._engine = engine
        self._template = template

    @property
    def model_names(self) -> Sequence[str]:
        return self._engine.model_names

    @property
    def features(self) -> frozenset[Feature]:
        return self._template.features

    @property
    def context_length(self) -> int:
        return context_length_of(self._engine)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        if missing := required_features(request) - self.features:
            raise Unsupported(missing, model=request.model)
        reader = self._template.reader(request)
        async with (
            aclosing(self._engine.generate(self._template.rendered(request))) as written,
            aclosing(written if reader is None else read(written, reader)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        await self._engine.aclose()
