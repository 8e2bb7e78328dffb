"""The controller's flags."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag, folder_or_none
from fastchat.core.logging import LogFlags
from fastchat.core.tls import TlsFlags
from fastchat.dispatch.policies import DEFAULT_POLICY, POLICIES


@dataclass(frozen=True, kw_only=True)
class ControllerConfig(TlsFlags, LogFlags):
    """Keep the list of living workers and tell everybody about it.

    Workers register here and send heart-beats; API servers and pages follow the list. Start it
    first. Without a cluster token a worker may only register an address of its own machine.

    Examples:

        python3 -m fastchat.serve.controller
        python3 -m fastchat.serve.controller --host 0.0.0.0 --port 21001
        python3 -m fastchat.serve.controller --dispatch-method shortest_queue
    """

    host: str = flag("localhost", help="address to listen on; 0.0.0.0 is every interface")
    port: int = flag(21001, help="port to listen on", at_least=0, at_most=65535)
    dispatch_method: str = flag(
        DEFAULT_POLICY,
        help="how a worker is chosen: lottery draws by speed, shortest_queue takes the least busy",
        choices=lambda: list(POLICIES),
    )
    cluster_token: str | None = flag(
        None,
        help="secret that workers and API servers must present; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )
    heart_beat_expiration_s: float = flag(
        90.0,
        help="seconds of silence after which a worker is forgotten",
        env="FASTCHAT_CONTROLLER_HEART_BEAT_EXPIRATION",
        above=0,
    )
    worker_timeout_s: float = flag(
        100.0,
        help="seconds of silence after which a relayed generation fails with 50006",
        env="FASTCHAT_WORKER_API_TIMEOUT",
        above=0,
    )
    logdir: Path | None = flag(
        Path("."),
        help="folder of controller.log; empty for none",
        env="LOGDIR",
        parse=folder_or_none,
    )
