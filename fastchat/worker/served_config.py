"""The flags of workers whose engine is a server of its own: one set, and an example an engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fastchat.core.config import flag
from fastchat.core.values import http_url
from fastchat.model.weights import default_model_name
from fastchat.worker.config import ShellFlags


@dataclass(frozen=True, kw_only=True)
class ServedWorkerConfig(ShellFlags):
    """`engine` is its name in `engines.served.ROWS`."""

    engine: ClassVar[str]

    model_path: str | None = flag(
        None, help="what the engine is to load: a folder, or the id of a model on a hub"
    )
    engine_python: Path | None = flag(
        None,
        help="interpreter, or environment, that the engine is installed in (default: this one)",
        names=("--engine-venv",),
        metavar="PATH",
    )
    engine_url: str | None = flag(
        None, help="the engine runs already, at this address", metavar="URL", parse=http_url
    )
    engine_key: str | None = flag(
        None,
        help="API key that such an engine wants; better set by the environment",
        env="FASTCHAT_ENGINE_KEY",
        secret=True,
    )
    engine_model: str | None = flag(
        None, help="what the model is called there, if not as here", metavar="NAME"
    )
    limit_worker_concurrency: int | None = flag(
        None, help="requests that run at once (default: what the engine takes)", at_least=1
    )
    num_gpus: int = flag(1, help="GPUs for this model", metavar="N", at_least=1)
    context_length: int | None = flag(
        None, help="tokens of one request, prompt and answer", metavar="N", at_least=1
    )
    trust_remote_code: bool = flag(
        False, help="run code that comes with the model", names=("--trust_remote_code",)
    )
    engine_fetches_media: bool = flag(
        False,
        help="let the engine fetch what requests name by URL, from everywhere that it reaches; see "
        "to it with its own flags",
    )
    engine_arguments: tuple[str, ...] = flag((), help="the engine's own flags", rest=True)

    @property
    def served_names(self) -> tuple[str, ...]:
        named = self.model_path or self.engine_model or self.engine
        return self.model_names or (default_model_name(named),)


@dataclass(frozen=True, kw_only=True)
class VllmWorkerConfig(ServedWorkerConfig):
    """Serve a model with vLLM: start its server, register, answer requests.

    vLLM runs as a child of the worker, in the interpreter of --engine-python, and is started again
    when it dies. Flags that are not listed here are vLLM's own and are passed on to it. `fastchat
    doctor --engine vllm` says whether it is installed and what would be run.

    Examples:

        python3 -m fastchat.serve.vllm_worker --model-path lmsys/vicuna-7b-v1.5
        python3 -m fastchat.serve.vllm_worker --model-path Qwen/Qwen3-8B --engine-python ~/vllm \\
            --num-gpus 2 --max-model-len 8192 --gpu-memory-utilization 0.9
        python3 -m fastchat.serve.vllm_worker --model-names qwen --engine-url http://gpu7:8000
    """

    engine: ClassVar[str] = "vllm"


@dataclass(frozen=True, kw_only=True)
class SglangWorkerConfig(ServedWorkerConfig):
    """Serve a model with SGLang: start its server, register, answer requests.

    SGLang runs as a child of the worker, in the interpreter of --engine-python, and is started
    again when it dies. Flags that are not listed here are SGLang's own and are passed on to it.

    Examples:

        python3 -m fastchat.serve.sglang_worker --model-path lmsys/vicuna-7b-v1.5
        python3 -m fastchat.serve.sglang_worker --model-path Qwen/Qwen3-8B \\
            --engine-python ~/sglang --num-gpus 2 --mem-fraction-static 0.9
    """

    engine: ClassVar[str] = "sglang"


@dataclass(frozen=True, kw_only=True)
class LightllmWorkerConfig(ServedWorkerConfig):
    """Serve a model with LightLLM: start its server, register, answer requests.

    LightLLM runs as a child of the worker, in the interpreter of --engine-python, and is started
    again when it dies. Flags that are not listed here are LightLLM's own and are passed on to it.

    Example:

        python3 -m fastchat.serve.lightllm_worker --model-path ~/models/longchat-7b-32k \\
            --engine-python ~/lightllm --max_total_token_num 120000 --context-length 32768
    """

    engine: ClassVar[str] = "lightllm"


@dataclass(frozen=True, kw_only=True)
class LmdeployWorkerConfig(ServedWorkerConfig):
    """Serve a model with LMDeploy: start its server, register, answer requests.

    LMDeploy runs as a child of the worker, in the interpreter of --engine-python, and is started
    again when it dies. Flags that are not listed here are LMDeploy's own and are passed on to it.

    Example:

        python3 -m fastchat.serve.lmdeploy_worker --model-path internlm/internlm3-8b-instruct \\
            --engine-python ~/lmdeploy --cache-max-entry-count 0.8
    """

    engine: ClassVar[str] = "lmdeploy"


@dataclass(frozen=True, kw_only=True)
class TgiWorkerConfig(ServedWorkerConfig):
    """Put a running Text Generation Inference server behind a worker.

    It comes as a container; start that first, and give its address.

    Example:

        python3 -m fastchat.serve.tgi_worker --model-names zephyr --engine-url http://gpu7:8080 \\
            --engine-model tgi
    """

    engine: ClassVar[str] = "tgi"


@dataclass(frozen=True, kw_only=True)
class OpenaiWorkerConfig(ServedWorkerConfig):
    """Put any server that speaks OpenAI's API behind a worker.

    Requests and answers pass through as they are. The server is awaited when it is not there.

    Examples:

        python3 -m fastchat.serve.openai_worker --model-names llama3 \\
            --engine-url http://127.0.0.1:11434 --engine-model llama3.2
        FASTCHAT_ENGINE_KEY=... python3 -m fastchat.serve.openai_worker --model-names gpt \\
            --engine-url https://api.example.com/v1 --engine-model gpt-large
    """

    engine: ClassVar[str] = "openai"


@dataclass(frozen=True, kw_only=True)
class MlxWorkerConfig(ServedWorkerConfig):
    """Serve a model with MLX on Apple silicon: start its server, register, answer requests.

    mlx_lm.server runs as a child of the worker, in the interpreter of --engine-python, and is
    started again when it dies. Flags that are not listed here are its own and are passed on to it.

    Example:

        python3 -m fastchat.serve.mlx_worker --model-path mlx-community/Qwen3-4B-4bit
    """

    engine: ClassVar[str] = "mlx"


@dataclass(frozen=True, kw_only=True)
class LlamaServerWorkerConfig(ServedWorkerConfig):
    """Serve a GGUF file with llama.cpp's own HTTP server, as a child of the worker.

    model_worker runs llama.cpp in its own process and is the better choice for most; here a crash
    takes the child only, and whatever that server's API can do passes through.

    Example:

        python3 -m fastchat.serve.llama_server_worker --model-path smollm2-135m-instruct
        python3 -m fastchat.serve.llama_server_worker --model-path ~/models/qwen3-8b.gguf \\
            --parallel 8 --threads 8
    """

    engine: ClassVar[str] = "llama_server"


SERVED: tuple[type[ServedWorkerConfig], ...] = (
    VllmWorkerConfig,
    SglangWorkerConfig,
    LightllmWorkerConfig,
    LmdeployWorkerConfig,
    TgiWorkerConfig,
    OpenaiWorkerConfig,
    MlxWorkerConfig,
    LlamaServerWorkerConfig,
)
