"""A worker registered by hand, or a controller in place of its workers."""

from dataclasses import dataclass

import aiohttp

from fastchat.client import ControllerClient
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError, ControllerFault
from fastchat.core.values import http_url
from fastchat.protocol.cluster import Registration
from fastchat.terminal.say import say


@dataclass(frozen=True, kw_only=True)
class RegisterConfig:
    """Tell a controller of a worker that does not register by itself.

    The controller asks the worker for its models. Without --check-heart-beat it stays registered
    until it no longer answers.
    """

    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller",
        names=("--controller",),
        metavar="URL",
        parse=http_url,
    )
    worker_name: str = flag(help="URL of the worker", metavar="URL", parse=http_url)
    check_heart_beat: bool = flag(False, help="the worker sends heart-beats: forget it without")
    multimodal: bool = flag(False, help="the worker understands images")
    cluster_token: str | None = flag(
        None,
        help="secret of the cluster; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )


async def run(config: RegisterConfig) -> None:
    """Raises `ConfigError` with what the controller says."""
    registration = Registration(
        worker_name=config.worker_name,
        worker_status=None,
        check_heart_beat=config.check_heart_beat,
        multimodal=config.multimodal,
    )
    async with aiohttp.ClientSession() as session:
        controller = ControllerClient(
            session, config.controller_address, token=config.cluster_token
        )
        try:
            await controller.register(registration)
            models = sorted(await controller.models())
        except ControllerFault as fault:
            raise ConfigError(str(fault)) from fault
    say(f"Registered {config.worker_name}. The controller's models: {models}")
