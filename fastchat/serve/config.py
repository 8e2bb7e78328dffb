"""Check a platform file and show it as it takes effect: `fastchat config [platform.toml]`."""

import sys

from fastchat.cluster import platform
from fastchat.cluster.effective import EffectiveConfig, effective
from fastchat.cluster.plan import plan
from fastchat.controller import config as controller
from fastchat.core.config import read, variables
from fastchat.core.errors import ConfigError
from fastchat.gateway import config as gateway
from fastchat.serve._terminal import terminal
from fastchat.worker import config as worker

_PROCESSES = {
    "controller": controller.ControllerConfig,
    "worker": worker.WorkerConfig,
    "api": gateway.GatewayConfig,
}


def main() -> None:
    with terminal(EffectiveConfig, "config") as config:
        found = platform.Platform() if config.platform is None else platform.load(config.platform)
        _check_flags(found)
        known = {name: v for one in _PROCESSES.values() for name, v in variables(one).items()}
        sys.stdout.write(effective(found, config.platform, known))


def _check_flags(found: platform.Platform) -> None:
    """As each process will read them, from the fourth word on: `python -m module`."""
    for spec in (spec for spec in plan(found) if spec.role in _PROCESSES):
        try:
            read(_PROCESSES[spec.role], spec.argv[3:])
        except ConfigError as error:
            raise ConfigError(f"{spec.declared}, {spec.name}: {error}") from None


if __name__ == "__main__":
    main()
