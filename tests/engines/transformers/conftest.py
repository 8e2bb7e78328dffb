import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastchat.core.generation import Engine
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine
from tests.engines.conftest import CONTEXT
from tools.convert_smollm2 import converted


@pytest.fixture(scope="session")
def hf_smollm2_path() -> Path:
    """The built-in model as a Hugging Face checkpoint, converted once for this machine."""
    return converted()


@pytest.fixture(scope="session")
def hf(hf_smollm2_path: Path) -> Iterator[TransformersEngine]:
    """The real thing, on one thread, in float32: batches of another shape hardly change digits."""
    engine = create(
        Options(
            model=hf_smollm2_path,
            names=("m",),
            slots=4,
            threads=1,
            context_length=CONTEXT,
            dtype="float32",
            device="cpu",
        )
    )
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture
def engine(hf: TransformersEngine) -> Engine:
    """What the shared tests of engines are run with here."""
    return hf
