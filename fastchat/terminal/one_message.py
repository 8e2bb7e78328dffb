"""One message to a worker on the wire of 0.2.36, the answer printed as it comes."""

import sys
from dataclasses import dataclass

import aiohttp

from fastchat.client import ControllerClient, WorkerClient, WorkerFault, announced_template
from fastchat.conversation import Conversation
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError, ControllerFault
from fastchat.core.values import http_url
from fastchat.protocol.wire import GenerateParams
from fastchat.terminal.styles.text import visible


@dataclass(frozen=True, kw_only=True)
class MessageConfig:
    """Ask a model one thing, to see that controller and worker are well.

    Examples:

        python3 -m fastchat.serve.test_message --model-name smollm2-135m-instruct
        python3 -m fastchat.serve.test_message --model-name m --worker-address http://localhost:21002
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
    model_name: str = flag(help="name of the model", metavar="NAME")
    temperature: float = flag(0.0, help="0 takes the most likely token", at_least=0)
    max_new_tokens: int = flag(32, help="length of the answer", metavar="N", at_least=1)
    message: str = flag("Tell me a story with more than 1000 words.", help="what to ask")
    cluster_token: str | None = flag(
        None,
        help="secret of the cluster; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )


async def run(config: MessageConfig) -> None:
    """Raises `ConfigError` with what went wrong."""
    async with aiohttp.ClientSession() as session:
        try:
            address = config.worker_address or await _address(session, config)
            if not address:
                _say(f"No available workers for {config.model_name}\n")
                return
            worker = WorkerClient(session, address, token=config.cluster_token)
            await _ask(worker, config)
        except (ControllerFault, WorkerFault) as fault:
            raise ConfigError(str(fault)) from fault


async def _address(session: aiohttp.ClientSession, config: MessageConfig) -> str:
    controller = ControllerClient(session, config.controller_address, token=config.cluster_token)
    await controller.refresh_all_workers()
    _say(f"Models: {sorted(await controller.models())}\n")
    address = await controller.worker_address(config.model_name)
    if address:
        _say(f"worker_addr: {address}\n")
    return address


async def _ask(worker: WorkerClient, config: MessageConfig) -> None:
    conversation = await _conversation(worker, config)
    params = GenerateParams(
        model=config.model_name,
        prompt=conversation.get_prompt(),
        temperature=config.temperature,
        max_new_tokens=config.max_new_tokens,
        stop=conversation.stop_str,
        stop_token_ids=conversation.stop_token_ids,
        echo=False,
    )
    user, assistant = conversation.roles[:2]
    _say(f"{user}: {config.message}\n{assistant}: ")
    shown = 0
    async for message in worker.generate(params):
        if message.error_code:
            raise ConfigError(f"{message.text} (error_code: {message.error_code})")
        _say(message.text[shown:])
        shown = len(message.text)
    _say("\n")


async def _conversation(worker: WorkerClient, config: MessageConfig) -> Conversation:
    """The worker's own template: its name says nothing certain about it."""
    try:
        conversation = await announced_template(worker, config.model_name)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    conversation.append_message(conversation.roles[0], config.message)
    conversation.append_message(conversation.roles[1], None)
    return conversation


def _say(text: str) -> None:
    sys.stdout.write(visible(text))
    sys.stdout.flush()
