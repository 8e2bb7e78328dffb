"""The batching loop dies, and is started again by the next request."""

import asyncio
import weakref
from typing import Any, NoReturn

import pytest

from fastchat.core.errors import EngineFailed, OutOfMemory, PlatformError
from fastchat.core.generation import collect
from fastchat.engines.transformers import manager as batching
from fastchat.engines.transformers.delivery import Router
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.engines.transformers.manager import Batcher
from tests.engines.requests import ask

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]


def _batcher(engine: TransformersEngine) -> Batcher:
    assert engine._batcher is not None
    return engine._batcher


async def _said(engine: TransformersEngine) -> int:
    async with asyncio.timeout(60):
        return (await collect(engine.generate(ask(max_tokens=3)))).usage.completion_tokens


def _out_of_memory(*_: Any) -> NoReturn:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def _kill(batcher: Batcher) -> None:
    batcher._manager.batch_processor._generation_step = _out_of_memory


async def test_a_restart_that_fails_is_told_and_the_next_one_is_tried(
    hf: TransformersEngine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _kill(_batcher(hf))
    with pytest.raises(OutOfMemory):
        await _said(hf)
    for failure, told in (("CUDA out of memory", OutOfMemory), ("a broken kernel", EngineFailed)):

        def fail(_: Any, failure: str = failure) -> NoReturn:
            raise RuntimeError(failure)

        with monkeypatch.context() as patch:
            patch.setattr(batching, "_warm_up", fail)
            with pytest.raises(told):
                await _said(hf)
    assert await _said(hf) == 3
    assert _batcher(hf).active == 0
    capfd.readouterr()


async def test_the_cache_is_free_before_anybody_is_told(
    hf: TransformersEngine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    batcher = _batcher(hf)
    size = batcher.cache_tokens
    cache = weakref.ref(batcher._manager.batch_processor.cache)
    tell, told_with = Router.fail_all, []

    def fail_all(router: Router, error: PlatformError) -> None:
        told_with.append(cache())
        tell(router, error)

    monkeypatch.setattr(Router, "fail_all", fail_all)
    _kill(batcher)
    with pytest.raises(OutOfMemory):
        await _said(hf)
    assert told_with == [None]
    assert await _said(hf) == 3
    assert batcher.cache_tokens == size == (batcher._options.pages or 0) * batcher.page
    capfd.readouterr()
