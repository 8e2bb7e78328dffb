import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastchat.core.generation import Engine
from fastchat.engines.echo import EchoEngine
from fastchat.engines.echo import Options as EchoOptions
from fastchat.engines.llama_cpp import Options, create
from fastchat.engines.llama_cpp.engine import LlamaCppEngine
from fastchat.engines.scripted import Options as ScriptedOptions
from fastchat.engines.scripted import ScriptedEngine

CONTEXT = 512


@pytest.fixture(scope="session")
def llama(smollm2_path: Path) -> Iterator[LlamaCppEngine]:
    """The real thing, on one thread, with two slots."""
    engine = create(
        Options(model=smollm2_path, names=("m",), slots=2, threads=1, context_length=CONTEXT)
    )
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture
def echo() -> EchoEngine:
    return EchoEngine(EchoOptions(names=("m",), context_length=CONTEXT))


@pytest.fixture
def scripted() -> ScriptedEngine:
    return ScriptedEngine(ScriptedOptions(names=("m",), context_length=CONTEXT))


@pytest.fixture(params=["echo", "llama", "scripted"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine that runs here."""
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen
