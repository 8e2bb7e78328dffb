"""The API server's flags."""

import json
from dataclasses import dataclass
from pathlib import Path

from fastchat.arena.draw_flags import DrawFlags
from fastchat.core.config import flag, folder_or_none
from fastchat.core.database import DatabaseFlags
from fastchat.core.errors import ConfigError
from fastchat.core.logging import LogFlags
from fastchat.core.tls import TlsFlags
from fastchat.core.tracing import TraceFlags
from fastchat.core.values import http_url

RELAYS = ("below-asgi", "asgi")


def _json_list(text: str) -> tuple[str, ...]:
    try:
        items = json.loads(text)
    except json.JSONDecodeError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{text!r} is not a JSON list of strings, such as '[\"*\"]'")
    return tuple(items)


@dataclass(frozen=True, kw_only=True)
class GatewayConfig(DrawFlags, TlsFlags, DatabaseFlags, LogFlags, TraceFlags):
    """Serve the OpenAI API in front of all workers that the controller knows.

    Without API keys everybody who reaches the port may use it. `fastchat keys add NAME` makes one,
    kept as a hash in the database, with limits of its own. Keys of a fixed list are better given by
    a file or by the environment: the command line of a process can be read by others.

    Usage is kept by hour, key and model in the database: the one that --database-url names, or the
    default one once `fastchat keys` has made it.

    Examples:

        python3 -m fastchat.serve.openai_api_server --controller-address http://localhost:21001
        python3 -m fastchat.serve.openai_api_server --host 0.0.0.0 --api-keys-file keys.txt
    """

    host: str = flag("localhost", help="address to listen on; 0.0.0.0 is every interface")
    port: int = flag(8000, help="port to listen on", at_least=0, at_most=65535)
    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller",
        names=("--controller",),
        env="CONTROLLER_ADDRESS",
        metavar="URL",
        parse=http_url,
    )
    api_keys: tuple[str, ...] | None = flag(
        None,
        help="keys that clients must present",
        env="FASTCHAT_API_KEYS",
        metavar="KEY",
        secret=True,
    )
    api_keys_file: Path | None = flag(None, help="file of keys, separated by blanks or lines")
    rate_limit: float | None = flag(
        None,
        help="requests a second of each key that has no rate of its own, such as 10",
        metavar="N",
        above=0,
    )
    rate_burst: int = flag(
        20, help="requests that may come at once beyond the rate", metavar="N", at_least=0
    )
    allow_credentials: bool = flag(False, help="CORS: allow cookies and authorization")
    allowed_origins: tuple[str, ...] | None = flag(
        None,
        help="CORS: JSON list of the origins whose pages may read answers, '[\"*\"]' for all "
        "(default: all where API keys are wanted, else pages of this machine)",
        parse=_json_list,
        metavar="JSON",
    )
    allowed_methods: tuple[str, ...] = flag(
        ("*",), help="CORS: JSON list of methods", parse=_json_list, metavar="JSON"
    )
    allowed_headers: tuple[str, ...] = flag(
        ("*",), help="CORS: JSON list of headers", parse=_json_list, metavar="JSON"
    )
    max_body_bytes: int = flag(
        2 * 1024 * 1024,
        help="largest request body; workers have the same flag",
        metavar="BYTES",
        at_least=1,
    )
    image_hosts: tuple[str, ...] = flag(
        (),
        help="hosts from which pictures are fetched that requests name by URL: names, "
        "'*.example.org', or '*' for any on the open internet, never inside of it (default: none; "
        "such requests are refused)",
        metavar="HOST",
    )
    worker_timeout_s: float = flag(
        100.0,
        help="seconds of silence on a stream, or in all on a plain call, before 504",
        env="FASTCHAT_WORKER_API_TIMEOUT",
        above=0,
    )
    stream_stall_s: float = flag(
        20.0,
        help="seconds of silence inside a stream before it goes on at another worker, if it can",
        above=0,
    )
    keep_alive_s: float = flag(
        5.0,
        help="seconds of silence before a stream is kept alive by a comment; 0: never",
        at_least=0,
    )
    arena: bool = flag(
        False,
        help="serve the model `arena`: two models that are drawn by chance answer each request, as "
        "its two choices, and a vote to /v1/arena/vote says their names",
    )
    arena_models: tuple[str, ...] = flag(
        (), help="models that --arena draws from, instead of all", metavar="NAME"
    )
    cluster_token: str | None = flag(
        None,
        help="secret shared with controller and workers; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )
    routes: Path | None = flag(
        None,
        help="TOML file with [aliases], [fallbacks] and [context_fallbacks] between models",
    )
    register_api_endpoint_file: Path | None = flag(
        None,
        help="JSON file of models of other providers (OpenAI, Anthropic, Gemini, …) to serve, too",
        metavar="FILE",
    )
    price_file: Path | None = flag(
        None,
        help='JSON file of prices that win over our own: {"NAME": {"input": DOLLARS, "output": '
        'DOLLARS, "as_of": "2026-01"}}, for a million tokens',
        metavar="FILE",
    )
    relay: str = flag(
        "below-asgi",
        help="how completions are passed on; asgi is the ordinary way, and costs more",
        choices=lambda: RELAYS,
    )
    workers: int = flag(
        1,
        help="processes that share the port, the limits of keys and workers, and what they know of "
        "workers that fail",
        metavar="N",
        at_least=1,
    )
    log_requests: bool = flag(
        False, help="log a line for each request: its worker, its tokens and where its time went"
    )
    drain_s: float = flag(
        30.0, help="seconds that running requests get to finish on SIGTERM", at_least=0
    )
    logdir: Path | None = flag(
        Path("."),
        help="folder of openai_api_server.log; empty for none",
        env="LOGDIR",
        parse=folder_or_none,
    )

    def __post_init__(self) -> None:
        if self.arena_models and not self.arena:
            raise ConfigError("--arena-models has no meaning without --arena")
        if self.draw.weights and not self.arena:
            raise ConfigError("--arena-weights has no meaning without --arena")
        if len(set(self.arena_models)) == 1:
            raise ConfigError("--arena-models: a battle needs two models; name another")

    @property
    def has_database(self) -> bool:
        """Votes need one, and make the default one."""
        return self.arena or super().has_database
