import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from fastchat.core.errors import ConfigError, EngineLost, EngineNotReady, OutOfMemory
from fastchat.core.generation import Chat, GenerationRequest, Message, collect
from fastchat.engines.served.asking import samples
from fastchat.engines.served.engine import CountingEngine, ServedEngine
from fastchat.engines.served.keeping import Remote, Started
from fastchat.engines.served.options import Options
from tests.engines.served.children import IMPATIENT, options
from tests.servers import until


@dataclass
class Attending:
    engine: CountingEngine
    keeping: Started
    told: list[bool] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self.keeping._process is not None
        return self.keeping._process.pid

    def is_ready(self) -> bool:
        return self.told[-1:] == [True]


@asynccontextmanager
async def attending(given: Options) -> AsyncIterator[Attending]:
    keeping = Started(given, IMPATIENT)
    one = Attending(CountingEngine(given, keeping), keeping)
    task = asyncio.create_task(one.engine.attend(one.told.append))
    try:
        await until(lambda: one.is_ready() or task.done())
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ask(text: str, most: int = 4) -> GenerationRequest:
    chat = Chat((Message(role="user", content=text),))
    return GenerationRequest(id="1", model="m", prompt=chat, max_tokens=most)


async def test_a_child_is_started_awaited_and_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine")
    async with attending(options("--start-s", "0.2")) as one:
        assert (await collect(one.engine.generate(ask("hi")))).text == "w0 w1 w2 w3 "
        assert await one.engine.count_tokens("a b c") == 3
        assert one.engine.context_length == 512
        assert one.engine.trouble == ""
        pid = one.pid
    assert "vllm: loading weights" in caplog.text  # without the colours
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_slow_start_says_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine")
    given = options("--start-s", "600")
    engine = ServedEngine(given, Started(given, replace(IMPATIENT, unready_s=0.02)))
    task = asyncio.create_task(engine.attend(lambda ready: None))
    await until(lambda: "it said last:" in caplog.text)
    assert "vLLM does not listen yet after" in engine.trouble
    with pytest.raises(EngineNotReady, match="does not listen yet"):
        await collect(engine.generate(ask("hi")))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_child_that_dies_is_noticed_at_once_and_started_again() -> None:
    async with attending(options()) as one:
        first = one.pid
        os.kill(first, signal.SIGKILL)
        loop = asyncio.get_running_loop()
        died = loop.time()
        await until(lambda: one.told == [True, False])
        assert loop.time() - died < 5  # `make bench-engines` measures it
        assert "SIGKILL" in one.engine.trouble
        with pytest.raises(EngineNotReady):
            await collect(one.engine.generate(ask("hi")))
        await until(one.is_ready)
        assert one.pid != first
        assert (await collect(one.engine.generate(ask("hi")))).finish_reason == "length"


async def test_an_answer_that_died_with_its_engine_says_so() -> None:
    async with attending(options()) as one:
        with pytest.raises(EngineLost, match="was killed by SIGKILL"):
            await collect(one.engine.generate(ask("die")))


async def test_want_of_memory_is_told_once_in_words() -> None:
    async with attending(options()) as one:
        with pytest.raises(OutOfMemory, match="ran out of memory"):
            await collect(one.engine.generate(ask("oom")))
        await until(lambda: one.told == [True, False, True])
        assert (await collect(one.engine.generate(ask("hi")))).finish_reason == "length"


async def test_an_engine_that_cannot_start_is_a_configuration_that_cannot_be() -> None:
    given = options(model="refused")
    engine = ServedEngine(given, Started(given, IMPATIENT))
    with pytest.raises(ConfigError, match="no such model: refused"):
        await engine.attend(lambda ready: None)


async def test_who_leaves_ends_the_answer_there() -> None:
    async with attending(options("--pace-s", "0.05")) as one:
        chunks = one.engine.generate(ask("hi", 500))
        await anext(chunks)
        await until(lambda: one.engine.load.running == 1)
        await chunks.aclose()
        await until(lambda: one.engine.load.running == 0)


async def test_a_remote_engine_is_awaited_and_may_come_back() -> None:
    async with attending(options()) as one:
        url = one.keeping.state.url
        assert url is not None
        given = options(model=None, url=url, key="k", remote_model="theirs")
        remote = ServedEngine(given, Remote(given, IMPATIENT))
        told: list[bool] = []
        task = asyncio.create_task(remote.attend(told.append))
        await until(lambda: told == [True])
        found = remote.destination("openai", "m")
        assert found is not None
        assert (found.model, found.upstream.headers) == (
            "theirs",
            ((b"authorization", b"Bearer k"),),
        )
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda: told == [True, False])
        assert "does not answer" in remote.trouble
        assert remote.destination("openai", "m") is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # its connections end before the loop


def test_metrics_are_read_with_all_their_labels() -> None:
    text = '# HELP a b\na{e="0"} 1.0\na{e="1",n="x y"} 2\nb 0.5\nc NaN\nbroken\nd x\n'
    found = samples(text)
    assert (found["a"], found["b"]) == ([1.0, 2.0], [0.5])
    assert not {"c", "d"} & found.keys()
