"""Which failures are a want of memory, and of which memory."""

import pytest

from fastchat.core.errors import EngineFailed, OutOfMemory
from fastchat.engines.transformers.failures import error_of

ON_CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "CUDA out of memory."),
        (RuntimeError("MPS backend out of memory"), "Out of memory."),
        (RuntimeError(ON_CPU), "Out of memory."),
        (MemoryError(), "Out of memory."),
    ],
)
def test_a_want_of_memory_names_the_memory(error: Exception, said: str) -> None:
    told = error_of(error)
    assert isinstance(told, OutOfMemory)
    assert told.message.startswith(said)


def test_another_failure_is_told_as_it_is() -> None:
    told = error_of(RuntimeError("shapes differ"))
    assert isinstance(told, EngineFailed)
    assert "shapes differ" in told.message
