"""The web page's flags."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.arena.draw_flags import DrawFlags
from fastchat.core.config import flag, folder_or_none
from fastchat.core.database import DatabaseFlags
from fastchat.core.errors import ConfigError
from fastchat.core.logging import LogFlags
from fastchat.core.tracing import TraceFlags
from fastchat.core.values import http_url

MODEL_LIST_MODES = ("once", "reload")


def _url_or_none(text: str) -> str:
    return http_url(text) if text else ""


@dataclass(frozen=True, kw_only=True)
class PageConfig(DatabaseFlags, LogFlags, TraceFlags):
    """Serve a web page to chat with all models that the controller knows.

    The page asks the workers itself; it needs no API server. Without --gradio-auth-path everybody
    who reaches the port may use it.
    """

    host: str = flag("0.0.0.0", help="address to listen on; 127.0.0.1 is this machine only")
    port: int = flag(7860, help="port to listen on")
    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller; empty for none: models of --register-api-endpoint-file only",
        names=("--controller", "--controller-url"),
        env="CONTROLLER_ADDRESS",
        metavar="URL",
        parse=_url_or_none,
    )
    model_list_mode: str = flag(
        "reload",
        help="reload: an open page follows the models that come and go; once: it shows those of "
        "the moment when it was opened",
        choices=lambda: MODEL_LIST_MODES,
    )
    concurrency_count: int = flag(
        500, help="answers that are written at once; further ones wait", metavar="N"
    )
    show_terms_of_use: bool = flag(False, help="show the terms of use above the chat")
    gradio_auth_path: Path | None = flag(
        None, help="file of user:password pairs, separated by commas or lines", metavar="FILE"
    )
    gradio_root_path: str = flag(
        "", help="path of the page behind a proxy, such as /chat", metavar="PATH"
    )
    log_chats: bool = flag(False, help="write every answer to the conversation log, not only votes")
    share: bool = flag(False, help="refused: it would open a tunnel through a foreign server")
    moderate: bool = flag(False, help="refused: it would send what users write to OpenAI")
    register_api_endpoint_file: Path | None = flag(
        None,
        help="models of other providers, in the format of api_endpoints.json; ${NAME} in it stands "
        "for a variable of the environment",
        metavar="FILE",
    )
    price_file: Path | None = flag(
        None, help="prices of those models, instead of the ones built in", metavar="FILE"
    )
    worker_timeout_s: float = flag(
        100.0,
        help="seconds of silence before an answer is given up",
        env="FASTCHAT_WORKER_API_TIMEOUT",
    )
    cluster_token: str | None = flag(
        None,
        help="secret shared with controller and workers; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )
    drain_s: float = flag(30.0, help="seconds that running answers get to finish on SIGTERM")
    logdir: Path | None = flag(
        Path("."),
        help="folder of gradio_web_server.log and of YYYY-MM-DD-conv.json; empty for neither",
        env="LOGDIR",
        parse=folder_or_none,
    )

    def __post_init__(self) -> None:
        if self.concurrency_count < 1:
            raise ConfigError("--concurrency-count must be at least 1")
        if not self.controller_address and self.register_api_endpoint_file is None:
            raise ConfigError(
                "without a controller there are only models of providers: name their file with "
                "--register-api-endpoint-file"
            )
        for name, given, why in (
            ("share", self.share, _NO_SHARE),
            ("moderate", self.moderate, _NO_MODERATION),
        ):
            if given:
                raise ConfigError(f"--{name}: {why}")


@dataclass(frozen=True, kw_only=True)
class ArenaConfig(DrawFlags, PageConfig):
    """Serve the web page with all tabs: chat, blind battles, side by side and the leaderboard.

    `/?arena`, `/?compare`, `/?direct`, `/?model=NAME` and `/?leaderboard` open a tab. Votes are
    kept in the database, which the leaderboard is computed from; `fastchat arena` prints it.
    """

    multimodal: bool = flag(
        False,
        help="battles and side by side take pictures too; of the models only those that see are "
        "drawn then (the chat takes them where the chosen model sees)",
        names=("--vision-arena",),
    )
    elo_results_file: Path | None = flag(
        None,
        help="refused: a pickle runs whatever its author wrote; the leaderboard is computed from "
        "the votes (old logs: fastchat arena leaderboard --logs)",
        metavar="FILE",
    )
    leaderboard_table_file: Path | None = flag(
        None, help="refused: the leaderboard is computed from the votes", metavar="FILE"
    )
    ga_id: str = flag("", help="refused: the page tells no other server who reads it")

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.draw  # refuses what is no weight
        for name, given, why in (
            ("elo-results-file", self.elo_results_file, _NO_PICKLE),
            ("leaderboard-table-file", self.leaderboard_table_file, _NO_TABLE),
            ("ga-id", self.ga_id, _NO_ANALYTICS),
        ):
            if given:
                raise ConfigError(f"--{name}: {why}")


_NO_PICKLE = (
    "a pickle runs whatever its author wrote, so none is loaded; the leaderboard is computed from "
    "the votes, those of old logs too: fastchat arena leaderboard --logs 'DATE-conv.json'"
)
_NO_TABLE = "the leaderboard is computed from the votes; leave the flag out"
_NO_ANALYTICS = "the page tells no other server who reads it; leave the flag out"
_NO_SHARE = (
    "the page opens no tunnel through a foreign server; put a reverse proxy before it, or use "
    "`ssh -R 7860:localhost:7860 HOST`"
)
_NO_MODERATION = "what users write is not sent to OpenAI for moderation; leave the flag out"
