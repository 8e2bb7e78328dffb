"""From options to a loaded engine."""

import logging
import math
from dataclasses import replace

from fastchat.core.errors import ConfigError, PlatformError
from fastchat.core.generation import Engine
from fastchat.engines.transformers import loading, trial
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.encoder import Limits
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.engines.transformers.inside import embedder_inside
from fastchat.engines.transformers.kinds import encoding_engine
from fastchat.engines.transformers.manager import Batcher, BatchOptions
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.placement import free_ram_bytes
from fastchat.engines.transformers.scoring import Scorer
from fastchat.engines.transformers.single import twin

logger = logging.getLogger(__name__)

DEFAULT_CPU_CONTEXT = 4096
_PAGE = 32
_FLASH_PAGE = 256
# Small on a CPU: a prompt that nobody waits for is dropped after one step.
_CPU_STEP_PER_THREAD = 16
_GPU_STEP = 1024
_FEWEST_AT_ONCE = 4
# Of the memory that is free on a CPU, what the cache may take.
_CPU_SHARE = 0.4


def create(options: Options) -> Engine:
    """Blocks until the model is loaded. Raises `ConfigError`."""
    loading.check_libraries()
    return encoding_engine(options) or generating_engine(options)


def generating_engine(options: Options) -> TransformersEngine:
    """For a checkpoint that makes text."""
    loaded = loading.load(options)
    loaded = replace(loaded, in_pieces=trial.reads_in_pieces(loaded.model, str(options.model)))
    context = _context_length(options, loaded)
    adapters = _adapters(options, loaded)
    batcher = _batcher(options, loaded, context, adapters)
    if batcher is not None:
        context = min(context, batcher.cache_tokens)
    logger.info("%s", loading.summary(loaded, context, batcher.cache_tokens if batcher else None))
    limits = _embedding_limits(options, loaded, context)
    return TransformersEngine(
        options,
        loaded,
        batcher,
        embedder_inside(loaded, limits),
        _scorer(loaded, adapters, limits),
        adapters,
        context_length=context,
    )


def _scorer(loaded: loading.Loaded, adapters: Adapters, limits: Limits) -> Scorer | None:
    """None for a model that does not read its prompt as it reads its answer."""
    if not loaded.in_pieces:
        return None
    return Scorer(twin(loaded.model), adapters, limits.step)


def _context_length(options: Options, loaded: loading.Loaded) -> int:
    trained = loaded.trained_length
    on_cpu = loaded.model.device.type == "cpu"
    wanted = options.context_length or (min(DEFAULT_CPU_CONTEXT, trained) if on_cpu else trained)
    if wanted > trained:
        raise ConfigError(
            f"a context of {wanted} tokens is more than the {trained} that the model was trained "
            "for: ask for less"
        )
    return wanted


def _adapters(options: Options, loaded: loading.Loaded) -> Adapters:
    """With those that are served from the start. Raises `ConfigError`."""
    is_enabled = options.enable_lora or bool(options.lora_modules)
    adapters = Adapters(loaded.model, options.names, is_enabled=is_enabled)
    for word in options.lora_modules:
        name, _, source = word.partition("=")
        if not name or not source:
            raise ConfigError(f"--lora-modules {word}: give NAME=FOLDER")
        try:
            adapters.load(name, adapters.read(name, source))
        except PlatformError as error:
            raise ConfigError(f"--lora-modules {word}: {error.message}") from error
    return adapters


def _batcher(
    options: Options, loaded: loading.Loaded, context: int, adapters: Adapters
) -> Batcher | None:
    """None, with one line that says why, for a model that cannot be batched."""
    reason = loading.why_not_batched(loaded.model)
    if reason is None:
        words = _batch_options(options, loaded, context, adapters)
        try:
            return _tried(Batcher(loaded.model, words, adapters), words.longest)
        except (ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
            reason = str(error)
        except PlatformError as error:
            reason = error.message
    logger.warning("requests are answered %d at a time: %s", options.slots, reason)
    return None


def _tried(batcher: Batcher, longest: int) -> Batcher:
    """Raises what the steps of the batch raise, and leaves nothing behind."""
    try:
        trial.try_batch(batcher, longest)
    except Exception:
        batcher.close()
        raise
    return batcher


def _embedding_limits(options: Options, loaded: loading.Loaded, context: int) -> Limits:
    on_cpu = loaded.model.device.type == "cpu"
    return Limits(
        step=_CPU_STEP_PER_THREAD * loading.threads() if on_cpu else _GPU_STEP,
        longest=context,
        truncate=options.embed_in_truncate,
    )


def _graphs(options: Options, loaded: loading.Loaded, adapters: Adapters) -> bool:
    """Without them a step on a GPU is mostly launches of its kernels, one by one, by Python."""
    if loaded.model.device.type != "cuda":
        if options.cuda_graphs == "on":
            raise ConfigError(f"--cuda-graphs on: there are none on {loaded.model.device.type}")
        return False
    reason = _why_no_graphs(loaded, adapters)
    if reason is not None and options.cuda_graphs == "on":
        raise ConfigError(f"--cuda-graphs on: {reason}: leave one of the two out")
    return reason is None and options.cuda_graphs != "off"


def _why_no_graphs(loaded: loading.Loaded, adapters: Adapters) -> str | None:
    if getattr(loaded.model, "is_loaded_in_8bit", False):
        return "products in 8 bits look at their numbers on the way, which no graph can"
    if adapters.is_enabled:
        return "a graph would repeat what the adapters of its first step added"
    return None


def _batch_options(
    options: Options, loaded: loading.Loaded, context: int, adapters: Adapters
) -> BatchOptions:
    on_cpu = loaded.model.device.type == "cpu"
    page = _FLASH_PAGE if "flash" in loaded.model.config._attn_implementation else _PAGE
    tokens = options.cache_tokens
    if tokens is None and on_cpu:
        most = int(free_ram_bytes() * _CPU_SHARE / loading.bytes_per_token(loaded.model))
        tokens = min(options.slots * (context + page), most)
    step = _CPU_STEP_PER_THREAD * loading.threads() if on_cpu else _GPU_STEP
    return BatchOptions(
        page=page,
        pages=None if tokens is None else max(1, math.ceil(tokens / page)),
        longest=context,
        batch_tokens=step + options.slots,
        most_requests=max(options.slots, _FEWEST_AT_ONCE),
        graphs=_graphs(options, loaded, adapters),
    )
