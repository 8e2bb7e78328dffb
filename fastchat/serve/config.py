"""Check a platform file and show it as it takes effect: `fastchat config [platform.toml]`."""

import sys

from fastchat.cluster import platform
from fastchat.cluster.effective import EffectiveConfig, check_flags, effective
from fastchat.controller import config as controller
from fastchat.core.config import variables
from fastchat.gateway import config as gateway
from fastchat.serve._terminal import terminal
from fastchat.webui import config as page
from fastchat.worker import config as worker
from fastchat.worker.served_config import SERVED

_PROCESSES = {
    "controller": controller.ControllerConfig,
    "model_worker": worker.WorkerConfig,
    "openai_api_server": gateway.GatewayConfig,
    "gradio_web_server": page.PageConfig,
    **{f"{flags.engine}_worker": flags for flags in SERVED},
}


def main() -> None:
    with terminal(EffectiveConfig, "config") as config:
        found = platform.load(config.platform) if config.platform else platform.Platform()
        check_flags(found, _PROCESSES)
        known = {name: v for one in _PROCESSES.values() for name, v in variables(one).items()}
        sys.stdout.write(effective(found, config.platform, known))


if __name__ == "__main__":
    main()
