"""The worker's flags."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag, folder_or_none
from fastchat.core.errors import ConfigError
from fastchat.engines import ENGINES
from fastchat.model.weights import DEFAULT_MODEL


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """Serve one model: load it, register with the controller, answer requests.

    The model is a GGUF file, a folder that holds one, or a built-in name. The worker speaks the
    OpenAI API and the wire of FastChat 0.2.36 on its port, and reports its load to the controller.
    """

    model_path: str = flag(DEFAULT_MODEL, help="GGUF file, folder with one, or built-in name")
    model_names: tuple[str, ...] = flag(
        (), help="names to serve the model under (default: the last part of the path)"
    )
    engine: str = flag(
        "auto",
        help="what runs the model; auto chooses by the files",
        choices=lambda: ["auto", *ENGINES.names()],
    )
    host: str = flag("localhost", help="address to listen on; 0.0.0.0 is every interface")
    port: int = flag(21002, help="port to listen on")
    worker_address: str | None = flag(
        None,
        help="URL under which others reach this worker (default: http://localhost:PORT)",
        names=("--worker",),
        metavar="URL",
    )
    controller_address: str = flag(
        "http://localhost:21001",
        help="URL of the controller",
        names=("--controller",),
        metavar="URL",
    )
    no_register: bool = flag(False, help="do not register with a controller")
    conv_template: str | None = flag(
        None, help="prompt template by name, instead of the model's own", metavar="NAME"
    )
    limit_worker_concurrency: int = flag(5, help="requests that run at once", metavar="N")
    limit_worker_queue: int = flag(
        100, help="requests that wait beyond those; more are refused with 503", metavar="N"
    )
    stream_interval: int = flag(2, help="tokens in one streamed message", metavar="TOKENS")
    context_length: int | None = flag(
        None, help="tokens of one request, prompt and answer (default: the engine's)", metavar="N"
    )
    threads: int | None = flag(
        None, help="threads that compute (default: half of the cores)", metavar="N"
    )
    seed: int | None = flag(None, help="seed of requests that bring none", metavar="N")
    num_gpus: int = flag(1, help="GPUs for this worker", metavar="N")
    gpus: str | None = flag(
        None, help="which GPUs, as in CUDA_VISIBLE_DEVICES: 0,2", metavar="LIST"
    )
    device: str | None = flag(
        None,
        help="where to run; found by itself when not given",
        choices=lambda: ["cpu", "cuda", "mps", "npu", "xpu"],
    )
    load_8bit: bool = flag(False, help="8-bit weights (an engine for Hugging Face checkpoints)")
    cpu_offloading: bool = flag(False, help="with --load-8bit: keep what does not fit on the CPU")
    gptq: tuple[str, ...] = flag(
        (), help="GPTQ checkpoint: wbits=4 groupsize=128", metavar="KEY=VALUE"
    )
    gptq_wbits: int = flag(16, help="GPTQ bits, below 16 to use it", metavar="BITS")
    gptq_groupsize: int = flag(-1, help="GPTQ group size", metavar="N")
    max_gpu_memory: str | None = flag(None, help="memory to use on each GPU", metavar="13GiB")
    heart_beat_interval_s: float = flag(
        45.0, help="seconds between heart-beats", env="FASTCHAT_WORKER_HEART_BEAT_INTERVAL"
    )
    cluster_token: str | None = flag(
        None,
        help="secret shared with the controller and the API servers; better set by the environment",
        env="FASTCHAT_CLUSTER_TOKEN",
        secret=True,
    )
    drain_s: float = flag(30.0, help="seconds that running requests get to finish on SIGTERM")
    logdir: Path | None = flag(
        Path("."),
        help="folder of model_worker_*.log; empty for none",
        env="LOGDIR",
        parse=folder_or_none,
    )

    def __post_init__(self) -> None:
        for name in ("limit_worker_concurrency", "stream_interval"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} must be at least 1")
        if self.limit_worker_queue < 0:
            raise ConfigError("--limit-worker-queue must not be negative")

    @property
    def address(self) -> str:
        """0.2.36 did not let this follow the port, and so registered workers nobody could reach."""
        return (self.worker_address or f"http://localhost:{self.port}").rstrip("/")
