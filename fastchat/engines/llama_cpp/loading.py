"""From options to a loaded model."""

import importlib
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.llama_cpp.engine import LlamaCppEngine, Model
from fastchat.engines.llama_cpp.gguf import Header, read_header
from fastchat.engines.llama_cpp.side_door import THREADS as SIDE_DOOR_THREADS
from fastchat.engines.llama_cpp.side_door import SideDoor
from fastchat.model.infilling import infilling_of

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT_LENGTH = 4096
# A cancelled prompt frees its slot after two batches at most; larger ones are hardly any faster.
_CPU_BATCH_PER_THREAD = 8
_GPU_BATCH = 512
_ERRORS_ONLY = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`context_length` is for one request, prompt and answer; None: 4096, or less if the model was
    trained for less. `threads` None: half of the cores, because somebody else needs some too.
    `device` None: a GPU if there is one; "cpu": the CPU in any case; another: a GPU, or an error.
    `gpu_layers` None: all of them on the GPU. `seed` is for requests that bring none.
    `prompt_cache_mib` bounds what is kept of conversations that lost their slot."""

    model: Path
    names: Sequence[str]
    slots: int = 5
    context_length: int | None = None
    threads: int | None = None
    device: str | None = None
    gpu_layers: int | None = None
    seed: int | None = None
    prompt_cache_mib: int = 512


def create(options: Options) -> LlamaCppEngine:
    """Blocks, with all of Python, until the model is loaded. Raises `ConfigError`."""
    _check(options)
    library = _library()
    header = read_header(options.model)
    key = secrets.token_urlsafe(32)
    server = _load(library, _params(library, options, header, key), options.model)
    # A server that is dropped before its loop runs waits for itself forever: this waits for it.
    server.handle_metrics()
    side_door = SideDoor(server.listening_address, key)
    model = Model(
        names=options.names,
        context_length=side_door.slot_length(),
        vocabulary_size=header.vocabulary_size,
        chat_template=header.chat_template,
        default_seed=options.seed,
        infilling=infilling_of(side_door.is_token),
    )
    return LlamaCppEngine(server, side_door, model, slots=options.slots)


def default_threads() -> int:
    return max(1, len(os.sched_getaffinity(0)) // 2)


def _check(options: Options) -> None:
    for name in ("slots", "context_length", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, not {value}")


def _library() -> ModuleType:
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise ConfigError(
            f"the engine llama_cpp needs xllamacpp ({error}): pip install 'fschat[llama_cpp]'"
        ) from error


def _load(library: ModuleType, params: Any, path: Path) -> Any:
    try:
        return library.Server(params)
    except RuntimeError as error:
        raise ConfigError(
            f"llama.cpp could not load {path}: its last lines on standard error say why. If it "
            "could not allocate memory, ask for a shorter context or fewer requests at once"
        ) from error


def _params(library: ModuleType, options: Options, header: Header, key: str) -> Any:
    on_gpu = _takes_gpu(library, options)
    threads = options.threads or default_threads()
    batch = _GPU_BATCH if on_gpu else min(_GPU_BATCH, _CPU_BATCH_PER_THREAD * threads)
    params = library.CommonParams()
    params.model.path = str(options.model)
    params.n_parallel = options.slots
    params.n_ctx = _context_length(options, header) * options.slots
    # Every running answer takes one token of a batch; the rest is for prompts.
    params.n_batch = params.n_ubatch = batch + options.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = _gpu_layers(options) if on_gpu else 0
    params.fit_params = on_gpu
    if not on_gpu:
        # On a CPU it halves the speed behind long prompts, and that of small batches.
        params.flash_attn_type = library.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib = options.prompt_cache_mib
    params.prefill_assistant = False
    params.verbosity = _ERRORS_ONLY
    _guard(params, key)
    return params


def _guard(params: Any, key: str) -> None:
    """The HTTP side: on loopback, on a free port, for this process only."""
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_threads_http = SIDE_DOOR_THREADS
    params.ui = False
    params.endpoint_slots = True
    params.endpoint_metrics = True


def _context_length(options: Options, header: Header) -> int:
    trained = header.trained_length or DEFAULT_CONTEXT_LENGTH
    wanted = options.context_length or min(DEFAULT_CONTEXT_LENGTH, trained)
    if header.trained_length is not None and wanted > header.trained_length:
        raise ConfigError(
            f"a context of {wanted} tokens is more than the {header.trained_length} that the model "
            "was trained for: ask for less"
        )
    return wanted


def _gpu_layers(options: Options) -> int:
    return -1 if options.gpu_layers is None else options.gpu_layers


def _takes_gpu(library: ModuleType, options: Options) -> bool:
    if options.device == "cpu" or options.gpu_layers == 0:
        return False
    found = _has_gpu(library)
    if options.device is not None and not found:
        raise ConfigError(
            f"the device {options.device} was asked for, but this xllamacpp sees no GPU: install "
            "its wheel for that device, or leave --device out"
        )
    return found


def _has_gpu(library: ModuleType) -> bool:
    return any("GPU" in device["type"].name for device in library.get_device_info())
