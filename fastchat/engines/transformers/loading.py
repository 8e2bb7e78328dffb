"""A checkpoint as a model and a tokenizer: which device, which type, which quantization."""

import importlib
import importlib.util
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers import checkpoint
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.placement import (
    chosen_device,
    placement,
    remove_with,
    weights_size,
)
from fastchat.engines.transformers.quantization import quantization, weights_folder
from fastchat.engines.transformers.rotary import condense
from fastchat.model.context import get_context_length
from fastchat.model.model_adapter import BaseModelAdapter, get_model_adapter

logger = logging.getLogger(__name__)

ADAPTER_CONFIG = "adapter_config.json"
_EXTRA = "pip install 'fschat[model_worker]'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """`in_pieces`: a prompt may be read into a cache of ours, and the model says the same of it."""

    model: Any
    tokenizer: Any
    trained_length: int
    seconds: float
    quantized: str = ""
    in_pieces: bool = True


def check_libraries() -> None:
    """Raises `ConfigError` naming the extra."""
    for name in ("torch", "transformers", "accelerate"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"the engine transformers needs {name} ({error}): {_EXTRA}"
            ) from error
    version = importlib.import_module("transformers").__version__
    if version.split(".")[:2] != ["5", "23"]:
        raise ConfigError(
            f"the engine transformers needs transformers 5.23, not {version}: {_EXTRA}"
        )


def load(options: Options) -> Loaded:
    """Blocks. Raises `ConfigError`."""
    import transformers

    began = time.monotonic()
    device = prepared(options)
    hub = hub_words(options)
    with checkpoint.explained(options):
        source, adapter = _base(options)
        checkpoint.check_generation_config(source)
        weights = weights_folder(options)
        config = transformers.AutoConfig.from_pretrained(weights or source, **hub)
        is_condensed = condense(config)
        quantized = quantization(options, config, device)
        dtype = chosen_dtype(options, config, device)
        is_quantized = quantized is not None or hasattr(config, "quantization_config")
        size = 0 if is_quantized else weights_size(str(weights or source), config, dtype)
        words = placement(options, device, is_quantized=is_quantized, weights_bytes=size)
        words["dtype"] = dtype
        if quantized is not None:
            words["quantization_config"] = quantized
        if is_condensed:
            words["config"] = config
        loader = _own_loader(source)
        if loader is not None:
            model, tokenizer = loader.load_model(source, words | hub)
        else:
            model = _model(config, str(weights or source), words | hub, options, device)
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **hub)
        checkpoint.check_chat_template(source, tokenizer)
        if adapter is not None:
            model = _adapted(model, adapter)
        remove_with(model, words)
    trained = get_context_length(config.get_text_config())
    name = type(quantized).__name__ if quantized else getattr(config, "quantization_config", None)
    return Loaded(
        model=model.eval(),
        tokenizer=tokenizer,
        trained_length=trained,
        seconds=time.monotonic() - began,
        quantized=_quantized_name(name),
    )


def prepared(options: Options) -> str:
    """Threads are chosen and the libraries quiet; the device that the weights go to."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    for talkative in ("ContinuousBatchingLogger", "bitsandbytes"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads or default_threads())
    device = chosen_device(options)
    if device.startswith("cuda"):
        # cuDNN's attention plans each new length anew, and failed for good after a want of memory.
        torch.backends.cuda.enable_cudnn_sdp(False)
    return device


def hub_words(options: Options) -> dict[str, Any]:
    """Words of every `from_pretrained`."""
    return {"revision": options.revision, "trust_remote_code": options.trust_remote_code}


def default_threads() -> int:
    return max(1, len(os.sched_getaffinity(0)) // 2)


def threads() -> int:
    return int(importlib.import_module("torch").get_num_threads())


def chosen_dtype(options: Options, config: Any, device: str) -> Any:
    """bfloat16 where the device has it and the checkpoint is not float16, else what fits."""
    import torch

    if options.dtype is not None:
        return getattr(torch, options.dtype)
    if device == "cpu":
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    if options.load_8bit:
        return torch.float16  # what its products are computed in
    stored = getattr(config, "dtype", None)
    if stored == torch.bfloat16 and device.startswith("cuda") and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float16


def chosen_attention(options: Options, config: Any, device: str) -> tuple[str | None, str]:
    """The implementation to ask for, and why. None: the model's own."""
    if options.attn_implementation is not None:
        return options.attn_implementation, "it was asked for"
    if not device.startswith("cuda"):
        return "sdpa", f"FlashAttention does not run on {device}"
    if chosen_dtype(options, config, device).itemsize > 2:
        return "sdpa", "FlashAttention needs float16 or bfloat16"
    return _flash_attention()


def _flash_attention() -> tuple[str, str]:
    """The newest that is installed, of those that read the paged cache themselves."""
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    if is_flash_attn_3_available():
        return "flash_attention_3", "device, type and package allow it"
    if is_flash_attn_2_available():
        return "flash_attention_2", "device, type and package allow it"
    return "sdpa", "the package flash-attn is not installed"


def why_not_batched(model: Any) -> str | None:
    kind = type(model).__name__
    if model.config.is_encoder_decoder:
        return f"{kind} has an encoder"
    if getattr(model, "_is_stateful", False):
        return f"{kind} keeps a state, not keys and values"
    if not _has_like_heads(model.config.get_text_config()):
        return f"{kind} has keys and values of different width"
    if getattr(model, "hf_device_map", None) and len(set(model.hf_device_map.values())) > 1:
        return "the model is spread over several devices"
    if not getattr(model, "_supports_attention_backend", False):
        return f"{kind} has attention of its own"
    attention = model.config._attn_implementation
    if attention != "sdpa" and "flash" not in attention:
        return f"{kind} runs with {attention} attention"
    return None


def _has_like_heads(config: Any) -> bool:
    """Latent attention (MLA) has not: the manager lays out one width for both."""
    value: int | None = getattr(config, "v_head_dim", None)
    parts = [getattr(config, f"qk_{name}_head_dim", None) for name in ("nope", "rope")]
    return value is None or None in parts or value == sum(filter(None, parts))


def summary(loaded: Loaded, context_length: int, cache_tokens: int | None) -> str:
    model = loaded.model
    places = getattr(model, "hf_device_map", None) or {"": model.device}
    where = ", ".join(sorted({str(place) for place in places.values()}))
    size = model.get_memory_footprint() / 2**20
    parts = [
        f"{type(model).__name__}",
        f"{_parameters(model):.3g} B parameters",
        f"{str(model.dtype).removeprefix('torch.')}{loaded.quantized}",
        f"{size:.0f} MiB on {where}",
        f"{model.config._attn_implementation} attention",
        f"context {context_length}",
    ]
    if cache_tokens is not None:
        fit = cache_tokens // context_length
        parts.append(f"cache {cache_tokens} tokens ({fit} requests of full length)")
    return f"loaded in {loaded.seconds:.1f} s: " + ", ".join(parts)


def bytes_per_token(model: Any) -> int:
    """Keys and values of one token in all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * model.dtype.itemsize)


def _model(
    config: Any, source: str, words: Mapping[str, Any], options: Options, device: str
) -> Any:
    import transformers

    kind = transformers.AutoModelForCausalLM
    if config.is_encoder_decoder:
        kind = transformers.AutoModelForSeq2SeqLM
    attention, reason = chosen_attention(options, config, device)
    try:
        model = checkpoint.weights(kind, source, {**words, "attn_implementation": attention})
    except (ValueError, ImportError) as error:
        if options.attn_implementation is not None or "attention" not in str(error).lower():
            raise
        reason = "this architecture has no other"
        model = checkpoint.weights(kind, source, words)
    logger.info("attention: %s, because %s", model.config._attn_implementation, reason)
    return model


def _own_loader(source: str) -> BaseModelAdapter | None:
    """What a user registered for this model, if it loads in its own way."""
    registered = get_model_adapter(source)
    is_own = type(registered).load_model is not BaseModelAdapter.load_model
    return registered if is_own else None


def is_adapter(options: Options) -> bool:
    return (Path(str(options.model)) / ADAPTER_CONFIG).is_file()


def _base(options: Options) -> tuple[str, str | None]:
    """A checkpoint; and if this is but an adapter (LoRA) to it, the adapter."""
    source = str(options.model)
    described = Path(source) / ADAPTER_CONFIG
    if not is_adapter(options):
        return source, None
    base = json.loads(described.read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise ConfigError(f"{described} does not name the model that it adapts")
    return str(base), source


def _adapted(model: Any, adapter: str) -> Any:
    if importlib.util.find_spec("peft") is None:
        raise ConfigError(f"{adapter} is an adapter and needs peft: {_EXTRA}")
    import peft

    return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()


def _parameters(model: Any) -> float:
    count: int = model.num_parameters()
    return count / 1e9


def _quantized_name(quantized: object) -> str:
    if isinstance(quantized, Mapping):
        quantized = quantized.get("quant_method")
    return f" ({quantized})" if quantized else ""
