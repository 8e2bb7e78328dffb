"""What can be said about loading a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`model` is a folder, or the id of a model on a hub. What is None is found by itself.

    `cache_tokens` is the room for all requests together. `seed` is for requests that bring none.
    `lora_modules` are adapters that are served from the start, NAME=FOLDER; `enable_lora` lets more
    be added.
    With `embed_in_truncate` the end of a text that is too long for a vector is cut off.
    """

    model: Path | str
    names: Sequence[str]
    slots: int = 5
    revision: str = "main"
    context_length: int | None = None
    cache_tokens: int | None = None
    threads: int | None = None
    seed: int | None = None
    device: str | None = None
    dtype: str | None = None
    attn_implementation: str | None = None
    num_gpus: int = 1
    gpus: str | None = None
    max_gpu_memory: str | None = None
    load_8bit: bool = False
    load_4bit: bool = False
    cpu_offloading: bool = False
    gptq: Sequence[str] = ()
    gptq_ckpt: str | None = None
    gptq_wbits: int = 16
    gptq_groupsize: int = -1
    gptq_act_order: bool = False
    awq_ckpt: str | None = None
    awq_wbits: int = 16
    awq_groupsize: int = -1
    trust_remote_code: bool = False
    cuda_graphs: str | None = None
    embed_in_truncate: bool = False
    enable_lora: bool = False
    lora_modules: Sequence[str] = ()
