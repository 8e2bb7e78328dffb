"""An engine that runs as a server of its own, behind the engine protocol."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

import aiohttp

from fastchat.client import OpenAIEngine
from fastchat.core.attended import EngineLoad
from fastchat.core.errors import EngineFailed, NoWorker, PlatformError, Unsupported
from fastchat.core.generation import (
    Chat,
    Chunk,
    Feature,
    GenerationRequest,
    Prompt,
    required_features,
)
from fastchat.core.upstream import Destination, Dialect, Upstream
from fastchat.engines.served import command
from fastchat.engines.served.asking import Asking
from fastchat.engines.served.keeping import Keeping, Remote, Started, not_ready
from fastchat.engines.served.options import Options
from fastchat.engines.served.row import COMPLETIONS
from fastchat.model.context import UNKNOWN_CONTEXT
from fastchat.model.senses import missing_senses

SILENCE_S = 3600.0


def create(options: Options) -> "ServedEngine":
    keeping = Started(options) if options.url is None else Remote(options)
    kind = ServedEngine if options.row.tokenizing is None else CountingEngine
    return kind(options, keeping)


class ServedEngine:
    """Answers while `attend` runs."""

    def __init__(self, options: Options, keeping: Keeping) -> None:
        self._options = options
        self._row = options.row
        self._keeping = keeping
        self._session: aiohttp.ClientSession | None = None
        self._found_at: str | None = None
        self._destinations: dict[str, Destination] = {}
        lacks = self._row.lacks | missing_senses(options.model, options.arguments)
        features = OpenAIEngine.features - lacks
        self.features: frozenset[Feature] = (
            features | {"continuation"} if self._row.continues else features
        )

    @property
    def model_names(self) -> Sequence[str]:
        return self._options.names

    @property
    def slots(self) -> int:
        return command.slots(self._options)

    @property
    def context_length(self) -> int:
        told = self._keeping.state.context_length
        return self._options.context_length or told or UNKNOWN_CONTEXT

    # -- Attended --

    async def attend(self, tell: Callable[[bool], None]) -> None:
        # Admission bounds what is asked at once; a pool that does so too would be a second queue.
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            await self._keeping.keep(self._session, tell)

    @property
    def trouble(self) -> str:
        return self._keeping.state.trouble

    @property
    def load(self) -> EngineLoad:
        return self._keeping.state.load

    # -- Relayable --

    @property
    def relayed_paths(self) -> frozenset[str]:
        return self._row.paths

    def destination(self, dialect: Dialect, model: str) -> Destination | None:
        url = self._keeping.state.url
        if url != self._found_at:  # a child that was started again is somewhere else
            self._destinations = {} if url is None else self._found(url)
            self._found_at = url
        return self._destinations.get(model)

    async def lost(self, model: str) -> PlatformError:
        return await self._keeping.verdict()

    # -- Engine --

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        if COMPLETIONS not in self._row.paths and not isinstance(request.prompt, Chat):
            raise Unsupported(["prompts that are no chat"], model=request.model)
        # An open turn is one to the engine, whoever said it.
        asked = replace(request, model=self._called(request.model), resumed=None)
        try:
            async with aclosing(self._client(request.model).generate(asked)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (EngineFailed, NoWorker) as error:
            if type(error) in (EngineFailed, NoWorker):  # it broke off, and did not say why
                raise await self._keeping.verdict() from error
            raise

    async def aclose(self) -> None:
        """What was started ends with `attend`."""

    # -- inside --

    def _found(self, url: str) -> dict[str, Destination]:
        upstream = Upstream.from_url(url.rstrip("/").removesuffix("/v1"))
        if self._keeping.key is not None:
            bearer = (b"authorization", f"Bearer {self._keeping.key}".encode())
            upstream = replace(upstream, headers=(bearer,))
        return {name: Destination(upstream, self._called(name)) for name in self.model_names}

    def _called(self, model: str) -> str:
        if self._options.remote_model is not None:
            return self._options.remote_model
        started_as = self._row.called if self._options.url is None else None
        return started_as or (model if self._row.takes_several_names else self.model_names[0])

    def _client(self, model: str) -> OpenAIEngine:
        session, url = self._open()
        return OpenAIEngine(
            session,
            url,
            self.model_names,
            token=self._keeping.key,
            silence_s=SILENCE_S,
            resumes=self._row.continues,
        )

    def _open(self) -> tuple[aiohttp.ClientSession, str]:
        session, url = self._session, self._keeping.state.url
        if session is None or url is None:
            raise not_ready(self._row.title, self.trouble)
        return session, url


class CountingEngine(ServedEngine):
    """Of a server that tells how many tokens a text has."""

    async def count_tokens(self, prompt: Prompt) -> int:
        session, url = self._open()
        asking = Asking(self._row, session, url, self._keeping.key)
        return await asking.count_tokens(prompt, self._called(self.model_names[0]))
