"""From flags to an engine: which one, with which options, and no flag silently without effect."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from fastchat.core.config import cache_folder, flag
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.engines import ENGINES, WITHOUT_WEIGHTS
from fastchat.model.adapter_files import register_adapters
from fastchat.model.weights import DEFAULT_MODEL, is_hub_id, resolve, silent
from fastchat.model.wheel import Progress

GGUF_ENGINE = "llama_cpp"
CHECKPOINT_ENGINE = "transformers"


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """The flags of everybody who runs a model: a worker, and the chat in a terminal."""

    model_path: str = flag(
        DEFAULT_MODEL,
        help="GGUF file, folder with one, Hugging Face checkpoint, hub id, or built-in name",
    )
    adapter: tuple[str, ...] = flag(
        (),
        help="Python files with adapters for models: they are run, and asked before all others",
        metavar="FILE",
    )
    engine: str = flag(
        "auto",
        help="what runs the model; auto chooses by the files",
        choices=lambda: ["auto", *ENGINES.names()],
    )
    revision: str = flag("main", help="branch, tag or commit of a model from a hub")
    device: str = flag(
        "auto",
        help="where to run; auto takes what is there",
        choices=lambda: ["auto", "cpu", "cuda", "mps", "npu", "xpu"],
    )
    num_gpus: int = flag(1, help="GPUs for this model", metavar="N", at_least=1)
    gpus: str | None = flag(
        None, help="which GPUs, as in CUDA_VISIBLE_DEVICES: 0,2", metavar="LIST"
    )
    max_gpu_memory: str | None = flag(None, help="memory to use on each GPU", metavar="13GiB")
    dtype: str | None = flag(
        None,
        help="type of the weights, instead of the one that suits the device",
        choices=lambda: ["bfloat16", "float16", "float32"],
    )
    attn_implementation: str | None = flag(
        None,
        help="attention: flash_attention_3, flash_attention_2, sdpa, eager (default: the fastest "
        "that runs)",
        metavar="NAME",
    )
    cuda_graphs: str | None = flag(
        None,
        help="steps on a GPU as CUDA graphs (default: where the weights allow it)",
        choices=lambda: ["on", "off"],
    )
    context_length: int | None = flag(
        None,
        help="tokens of one request, prompt and answer (default: the engine's)",
        metavar="N",
        at_least=1,
    )
    cache_tokens: int | None = flag(
        None,
        help="tokens that all running requests hold together (default: what memory allows)",
        metavar="N",
        at_least=1,
    )
    threads: int | None = flag(
        None, help="threads that compute (default: half of the cores)", metavar="N", at_least=1
    )
    seed: int | None = flag(None, help="seed of requests that bring none", metavar="N")
    load_8bit: bool = flag(False, help="8-bit weights (Hugging Face checkpoints)")
    load_4bit: bool = flag(False, help="4-bit weights, nf4 (Hugging Face checkpoints)")
    cpu_offloading: bool = flag(False, help="with --load-8bit: keep what does not fit on the CPU")
    trust_remote_code: bool = flag(False, help="run code that comes with the model")
    gptq: tuple[str, ...] = flag(
        (), help="GPTQ checkpoint: wbits=4 groupsize=128", metavar="KEY=VALUE"
    )
    gptq_ckpt: str | None = flag(None, help="GPTQ weights, if not in the model's folder")
    gptq_wbits: int = flag(
        16, help="GPTQ bits, below 16 to use it", metavar="BITS", at_least=2, at_most=16
    )
    gptq_groupsize: int = flag(-1, help="GPTQ group size", metavar="N", at_least=-1)
    gptq_act_order: bool = flag(False, help="GPTQ weights are in the order of activations")
    awq_ckpt: str | None = flag(None, help="AWQ weights, if not in the model's folder")
    awq_wbits: int = flag(16, help="AWQ bits, 4 to use it", metavar="BITS", at_least=4, at_most=16)
    awq_groupsize: int = flag(-1, help="AWQ group size", metavar="N", at_least=-1)
    enable_exllama: bool = flag(False, help="run a GPTQ model with ExLlamaV2")
    exllama_max_seq_len: int = flag(4096, help="its context", metavar="N", at_least=1)
    exllama_gpu_split: str | None = flag(None, help="its gigabytes on each GPU", metavar="20,7")
    exllama_cache_8bit: bool = flag(False, help="its 8-bit cache")
    enable_xft: bool = flag(False, help="run the model with xFasterTransformer")
    xft_max_seq_len: int = flag(4096, help="its context", metavar="N", at_least=1)
    xft_dtype: str | None = flag(
        None, help="its type", choices=lambda: ["bf16", "bf16_fp16", "bf16_int8", "fp16", "int8"]
    )


def load_engine(
    flags: ModelFlags,
    *,
    names: Sequence[str],
    slots: int,
    further: Sequence[str] = (),
    progress: Progress = silent,
) -> Engine:
    """Find the weights and load them. Raises `ConfigError`.

    Flags that only some engines can honour are refused by the others: all of `ModelFlags`, and
    those of the caller's own that are named in `further`.
    """
    register_adapters(flags.adapter)
    model = _weights(flags, progress)
    name = _engine_for(model) if flags.engine == "auto" else flags.engine
    create = ENGINES.load(name)
    options = get_type_hints(create)["options"]
    known = {field.name for field in fields(options)}
    given: dict[str, Any] = {"names": tuple(names), "model": model, "slots": slots}
    values = {name: value for name, value in given.items() if name in known}
    engine: Engine = create(options(**values, **_chosen(flags, further, known, name)))
    return engine


def _weights(flags: ModelFlags, progress: Progress) -> Path | str | None:
    """A file, a folder, or the id of a model on a hub; None for an engine that needs none."""
    if flags.engine in WITHOUT_WEIGHTS:
        return None
    if flags.engine in ("auto", CHECKPOINT_ENGINE) and is_hub_id(flags.model_path):
        return flags.model_path
    found = resolve(flags.model_path, cache=cache_folder(), progress=progress)
    if found.is_dir() and flags.engine == GGUF_ENGINE:
        raise ConfigError(
            f"{found} holds no GGUF file, and the engine {GGUF_ENGINE} reads no other"
        )
    if found.is_file() and flags.engine == CHECKPOINT_ENGINE:
        raise ConfigError(
            f"{found} is a GGUF file: the engine {CHECKPOINT_ENGINE} is for Hugging Face "
            "checkpoints; leave --engine out"
        )
    return found


def _engine_for(model: Path | str | None) -> str:
    is_gguf = isinstance(model, Path) and model.is_file()
    return GGUF_ENGINE if is_gguf else CHECKPOINT_ENGINE


def _chosen(
    flags: ModelFlags, further: Sequence[str], known: set[str], engine: str
) -> dict[str, Any]:
    """What differs from the defaults. Raises `ConfigError` for what the engine does not know."""
    optional = {field.name for field in fields(ModelFlags)} - {"adapter", "model_path", "engine"}
    chosen = {
        field.name: getattr(flags, field.name)
        for field in fields(flags)
        if field.name in optional.union(further) and getattr(flags, field.name) != field.default
    }
    for name in chosen.keys() - known:
        raise ConfigError(
            f"--{name.replace('_', '-')} has no meaning for the engine {engine}: leave it out"
        )
    return chosen
