"""Several generations at once on the wire of 0.2.36, and how many words a second come back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from fastchat.client import ControllerClient, WorkerClient, WorkerFault, announced_template
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError, ControllerFault
from fastchat.core.values import http_url
from fastchat.protocol.wire import GenerateParams
from fastchat.terminal.say import say

QUESTION = "Tell me a story with more than 1000 words"


@dataclass(frozen=True, kw_only=True)
class ThroughputConfig:
    """Ask one thing several times at once, and count the words that come back.

    Example:

        python3 -m fastchat.serve.test_throughput --model-name smollm2-135m-instruct
    """

    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller",
        names=("--controller",),
        metavar="URL",
        parse=http_url,
    )
    worker_address: str | None = flag(
        None,
        help="URL of a worker, to leave out the controller",
        names=("--worker",),
        metavar="URL",
        parse=http_url,
    )
    model_name: str = flag("vicuna", help="name of the model", metavar="NAME")
    max_new_tokens: int = flag(2048, help="length of each answer", metavar="N", at_least=1)
    n_thread: int = flag(8, help="requests at once", metavar="N", at_least=1)
    test_dispatch: bool = flag(False, help="ask the controller for a worker each time")
    cluster_token: str | None = flag(
        None,
        help="secret of the cluster; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )

    def __post_init__(self) -> None:
        if self.test_dispatch and self.worker_address is not None:
            raise ConfigError("--test-dispatch asks the controller: leave --worker-address out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What one request brought; `fault` when it failed."""

    words: int = 0
    tokens: int = 0
    fault: str = ""


async def run(config: ThroughputConfig, clock: Callable[[], float]) -> None:
    """Raises `ConfigError` when there is no worker, or every request failed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        try:
            address = config.worker_address or await _address(session, config)
            if not address:
                say(f"No available workers for {config.model_name}")
                return
            prompt = await _prompt(_worker(session, config, address), config.model_name)
        except (ControllerFault, WorkerFault) as fault:
            raise ConfigError(str(fault)) from fault
        began = clock()
        asked = (_ask(session, config, i, address, prompt) for i in range(config.n_thread))
        told = await asyncio.gather(*asked)
        took_s = clock() - began
    failed = [one.fault for one in told if one.fault]
    for why, times in Counter(failed).items():
        say(f"{times} failed: {why}")
    words, tokens = sum(one.words for one in told), sum(one.tokens for one in told)
    say(
        f"Time (Completion): {took_s}, n threads: {config.n_thread}, "
        f"throughput: {words / took_s} words/s ({tokens / took_s:.1f} tokens/s)."
    )
    if len(failed) == len(told):
        raise ConfigError("every request failed")


async def _address(session: aiohttp.ClientSession, config: ThroughputConfig) -> str:
    controller = ControllerClient(session, config.controller_address, token=config.cluster_token)
    await controller.refresh_all_workers()
    say(f"Models: {sorted(await controller.models())}")
    address = await controller.worker_address(config.model_name)
    say(f"worker_addr: {address}")
    return address


async def _prompt(worker: WorkerClient, model: str) -> str:
    try:
        conversation = await announced_template(worker, model)
        conversation.append_message(conversation.roles[0], QUESTION)
        conversation.append_message(conversation.roles[1], None)
        return conversation.get_prompt()
    except ValueError as error:
        raise ConfigError(str(error)) from error


async def _ask(
    session: aiohttp.ClientSession,
    config: ThroughputConfig,
    number: int,
    address: str,
    prompt: str,
) -> Told:
    params = GenerateParams(
        model=config.model_name,
        prompt=prompt,
        max_new_tokens=config.max_new_tokens,
        temperature=0.0,
    )
    try:
        if config.test_dispatch:
            controller = ControllerClient(
                session, config.controller_address, token=config.cluster_token
            )
            address = await controller.worker_address(config.model_name)
        say(f"thread {number} goes to {address}")
        told = Told(fault="the worker said nothing")
        async for message in _worker(session, config, address).generate(params):
            if message.error_code:
                return Told(fault=f"{message.text} (error_code: {message.error_code})")
            words = len(message.text.split(" ")) - len(prompt.split(" "))  # it repeats the prompt
            tokens = message.usage.completion_tokens if message.usage else 0
            told = Told(words=max(words, 0), tokens=tokens)
        say(f"thread {number}: {told.words} words")
        return told
    except (ControllerFault, WorkerFault) as fault:
        return Told(fault=str(fault))


def _worker(session: aiohttp.ClientSession, config: ThroughputConfig, address: str) -> WorkerClient:
    return WorkerClient(session, address, token=config.cluster_token)
