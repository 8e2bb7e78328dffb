"""The tools of 0.2.36 against a controller of ours and a worker of 0.2.36."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from random import Random

import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay
from fastchat.serve._run import fail
from fastchat.terminal import one_message, registering, throughput
from fastchat.terminal.one_message import MessageConfig
from fastchat.terminal.registering import RegisterConfig
from fastchat.terminal.throughput import ThroughputConfig
from tests.legacy import LegacyWorker, telling
from tests.servers import free_port, serving, until


@pytest.fixture
def pool() -> WorkerPool:
    return WorkerPool(Table(lambda: 0, Random(0)), lambda: 0, expiration_s=90)


@pytest.fixture
async def controller(pool: WorkerPool) -> AsyncIterator[str]:
    async with serving(create_service(pool, Relay(Limits()), Trust(None)).app) as url:
        yield url


# One second a look.
ticking = count(0.0).__next__


def test_the_old_flags_parse() -> None:
    argv = "--controller http://c --worker-name http://w --check-heart-beat --multimodal"
    registered = parse(RegisterConfig, argv.split(), environ={})
    assert (registered.check_heart_beat, registered.multimodal) == (True, True)
    argv = "--controller-address http://c --model-name m --max-new-tokens 9 --n-thread 2"
    asked = parse(ThroughputConfig, [*argv.split(), "--test-dispatch"], environ={})
    assert (asked.n_thread, asked.test_dispatch) == (2, True)
    defaults = parse(ThroughputConfig, [], environ={})
    assert (defaults.model_name, defaults.max_new_tokens, defaults.n_thread) == ("vicuna", 2048, 8)


async def test_a_worker_is_registered_by_hand(
    controller: str, pool: WorkerPool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(LegacyWorker().app) as url:
        await registering.run(RegisterConfig(controller_address=controller, worker_name=url))
    assert pool.table.models() == ["m"]
    assert "The controller's models: ['m']" in capsys.readouterr().out


async def test_a_worker_that_does_not_answer_is_not_registered(controller: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ConfigError, match="does not answer"):
        await registering.run(RegisterConfig(controller_address=controller, worker_name=nobody))


@pytest.mark.parametrize("test_dispatch", [False, True])
async def test_throughput_counts_the_words_of_all(
    controller: str, capsys: pytest.CaptureFixture[str], test_dispatch: bool
) -> None:
    worker = LegacyWorker(messages=telling(*["w "] * 200))
    async with serving(worker.app) as url:
        await registering.run(RegisterConfig(controller_address=controller, worker_name=url))
        config = ThroughputConfig(
            controller_address=controller, model_name="m", n_thread=2, test_dispatch=test_dispatch
        )
        await throughput.run(config, ticking)
    said = capsys.readouterr().out
    assert "Models: ['m']" in said
    assert f"thread 1 goes to {url}" in said
    assert "n threads: 2, throughput: " in said
    assert "(400.0 tokens/s)" in said
    asked = worker.asked("/worker_generate_stream")[0]
    assert set(asked) == {"model", "prompt", "max_new_tokens", "temperature"}


async def test_requests_run_at_once(controller: str) -> None:
    worker = LegacyWorker(held=asyncio.Event())
    async with serving(worker.app) as url:
        config = ThroughputConfig(worker_address=url, model_name="m", n_thread=3)
        task = asyncio.create_task(throughput.run(config, ticking))
        await until(lambda: worker.generating == 3)
        assert worker.held is not None
        worker.held.set()
        await task


async def test_failures_are_told_and_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    worker = LegacyWorker(messages=[{"text": "oom", "error_code": 50002}])
    async with serving(worker.app) as url:
        config = ThroughputConfig(worker_address=url, model_name="m", n_thread=2)
        with pytest.raises(ConfigError, match="every request failed"):
            await throughput.run(config, ticking)
    assert "2 failed: oom (error_code: 50002)" in capsys.readouterr().out


async def test_without_a_worker_it_says_so(
    controller: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ThroughputConfig(controller_address=controller, model_name="m")
    await throughput.run(config, ticking)
    assert "No available workers for m" in capsys.readouterr().out


STEERING = "\x1b]0;owned\x07\x9b2J"


async def test_a_message_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    worker = LegacyWorker(messages=telling("one", f" {STEERING}two"))
    async with serving(worker.app) as url:
        await one_message.run(MessageConfig(worker_address=url, model_name="m"))
    assert capsys.readouterr().out.endswith("ASSISTANT: one ]0;owned2Jtwo\n")


async def test_an_error_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    worker = LegacyWorker(messages=[{"text": f"oom {STEERING}", "error_code": 50002}])
    async with serving(worker.app) as url:
        with pytest.raises(ConfigError, match="oom") as caught:
            await one_message.run(MessageConfig(worker_address=url, model_name="m"))
        config = ThroughputConfig(worker_address=url, model_name="m", n_thread=2)
        with pytest.raises(ConfigError, match="every request failed"):
            await throughput.run(config, ticking)
    with pytest.raises(SystemExit):
        fail(caught.value)
    said = capsys.readouterr()
    assert "2 failed: oom ]0;owned2J" in said.out
    assert said.err == "error: oom ]0;owned2J (error_code: 50002)\n"
    assert not {"\x1b", "\x07", "\x9b"} & set(said.out)
