"""From options to a loaded engine."""

import logging
import math

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers import loading
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.engines.transformers.manager import Batcher, BatchOptions
from fastchat.engines.transformers.options import Options

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


def create(options: Options) -> TransformersEngine:
    """Blocks until the model is loaded. Raises `ConfigError`."""
    loading.check_libraries()
    loaded = loading.load(options)
    context = _context_length(options, loaded)
    batcher = _batcher(options, loaded, context)
    if batcher is not None:
        context = min(context, batcher.cache_tokens)
    logger.info("%s", loading.summary(loaded, context, batcher.cache_tokens if batcher else None))
    return TransformersEngine(options, loaded, batcher, context_length=context)


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


def _batcher(options: Options, loaded: loading.Loaded, context: int) -> Batcher | None:
    """None, with one line that says why, for a model that cannot be batched."""
    reason = loading.why_not_batched(loaded.model)
    if reason is None:
        try:
            return Batcher(loaded.model, _batch_options(options, loaded, context))
        except (ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
            reason = str(error)
    logger.warning("requests are answered %d at a time: %s", options.slots, reason)
    return None


def _batch_options(options: Options, loaded: loading.Loaded, context: int) -> BatchOptions:
    on_cpu = loaded.model.device.type == "cpu"
    page = _FLASH_PAGE if "flash" in loaded.model.config._attn_implementation else _PAGE
    tokens = options.cache_tokens
    if tokens is None and on_cpu:
        most = int(loading.free_ram_bytes() * _CPU_SHARE / loading.bytes_per_token(loaded.model))
        tokens = min(options.slots * (context + page), most)
    step = _CPU_STEP_PER_THREAD * loading.threads() if on_cpu else _GPU_STEP
    return BatchOptions(
        page=page,
        pages=None if tokens is None else max(1, math.ceil(tokens / page)),
        batch_tokens=step + options.slots,
        most_requests=max(options.slots, _FEWEST_AT_ONCE),
        graphs=options.cuda_graphs,
    )
