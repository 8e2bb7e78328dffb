"""The worker's flags."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag, folder_or_none
from fastchat.core.logging import LogFlags
from fastchat.core.tls import TlsFlags
from fastchat.core.tracing import TraceFlags
from fastchat.core.values import http_url
from fastchat.engines.loading import ModelFlags
from fastchat.model.weights import default_model_name


@dataclass(frozen=True, kw_only=True)
class ShellFlags(TlsFlags, LogFlags, TraceFlags):
    """What every worker is told, whatever its engine is."""

    model_names: tuple[str, ...] = flag(
        (), help="names to serve the model under (default: the last part of the path)"
    )
    host: str = flag("localhost", help="address to listen on; 0.0.0.0 is every interface")
    port: int = flag(21002, help="port to listen on", at_least=0, at_most=65535)
    metrics_port: int | None = flag(
        None,
        help="a second port that answers /metrics only; they are on the worker's own port as well",
        at_least=1,
        at_most=65535,
    )
    worker_address: str | None = flag(
        None,
        help="URL under which others reach this worker (default: http://localhost:PORT)",
        names=("--worker",),
        metavar="URL",
        parse=http_url,
    )
    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller",
        names=("--controller",),
        metavar="URL",
        parse=http_url,
    )
    no_register: bool = flag(False, help="do not register with a controller")
    conv_template: str | None = flag(
        None, help="prompt template by name, instead of the model's own", metavar="NAME"
    )
    limit_worker_queue: int = flag(
        100,
        help="requests that wait beyond those; more are refused with 503",
        metavar="N",
        at_least=0,
    )
    max_body_bytes: int = flag(
        2 * 1024 * 1024, help="largest request body", metavar="BYTES", at_least=1
    )
    stream_interval: int = flag(
        2, help="tokens in one streamed message", metavar="TOKENS", at_least=1
    )
    heart_beat_interval_s: float = flag(
        45.0,
        help="seconds between heart-beats",
        env="FASTCHAT_WORKER_HEART_BEAT_INTERVAL",
        above=0,
    )
    cluster_token: str | None = flag(
        None,
        help="secret shared with the controller and the API servers; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )
    log_prompts: bool = flag(
        False,
        help="log prompts as models read them, without what looks like an address, key or number",
    )
    drain_s: float = flag(
        30.0, help="seconds that running requests get to finish on SIGTERM", at_least=0
    )
    logdir: Path | None = flag(
        Path("."),
        help="folder of model_worker_*.log; empty for none",
        env="LOGDIR",
        parse=folder_or_none,
    )

    @property
    def address(self) -> str:
        """0.2.36 did not let this follow the port, and so registered workers nobody could reach."""
        return (self.worker_address or f"{self.scheme}://localhost:{self.port}").rstrip("/")


@dataclass(frozen=True, kw_only=True)
class WorkerConfig(ModelFlags, ShellFlags):
    """Serve one model: load it, register with the controller, answer requests.

    The model is a GGUF file, a Hugging Face checkpoint (a folder, or the id of a model on the hub),
    or a built-in name. The worker speaks the OpenAI API and the wire of FastChat 0.2.36 on its
    port, and reports its load to the controller.

    Examples:

        python3 -m fastchat.serve.model_worker
        python3 -m fastchat.serve.model_worker --model-path ~/models/vicuna-7b-v1.5.Q4_K_M.gguf
        python3 -m fastchat.serve.model_worker --model-path lmsys/vicuna-7b-v1.5 --load-8bit
        python3 -m fastchat.serve.model_worker --host 0.0.0.0 --port 31000 --worker http://gpu1:31000
    """

    lora_modules: tuple[str, ...] = flag(
        (),
        help="LoRA adapters to serve beside the model, each under its name",
        metavar="NAME=FOLDER",
    )
    enable_lora: bool = flag(
        False,
        help="let adapters be added and removed while it runs; given by itself with --lora-modules",
    )
    embed_in_truncate: bool = flag(
        False, help="cut off the end of texts that are too long for a vector, instead of refusing"
    )
    limit_worker_concurrency: int = flag(
        5, help="requests that run at once", metavar="N", at_least=1
    )

    @property
    def served_names(self) -> tuple[str, ...]:
        return self.model_names or (default_model_name(self.model_path),)
