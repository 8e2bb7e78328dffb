"""A model that answers many requests at once, on transformers' continuous batching (5.23).

This file and `steps.py` know it from the inside; what the manager does not do by itself is added
here. Whoever submits gets exactly one end: the manager says nothing about a request that was
cancelled, loses those that come while its loop dies, and stays dead.
"""

import itertools
import logging
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastchat.core.errors import EngineFailed
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.delivery import Router, Sink
from fastchat.engines.transformers.failures import error_of, free_memory
from fastchat.engines.transformers.lora import Adapter
from fastchat.engines.transformers.steps import (
    ADAPTER,
    CHOOSER,
    Choosing,
    fill_table_at_once,
    hand_over_the_choice,
    tell_adapters_apart,
    tell_what_was_cached,
)

logger = logging.getLogger(__name__)

_LAST_STEP_S = 30.0
# Graphs have fixed sizes, so a step reads up to so many tokens of the cache for nothing.
_GRAPH_STEP = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOptions:
    """`pages` None: as many as fit into the device's memory. `longest` is what one request may hold
    of them. `batch_tokens` bounds one step, and so the time until a cancelled prompt is dropped.
    `graphs` are of CUDA."""

    page: int
    pages: int | None
    longest: int
    batch_tokens: int
    most_requests: int
    graphs: bool = False


class Batcher:
    """A model that answers many requests at once. `submit` and `cancel` come from any thread."""

    def __init__(self, model: Any, options: BatchOptions, adapters: Adapters) -> None:
        self._model = model
        self._adapters = adapters
        self._options = options
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._closed = False
        self._start()
        # Who restarts it gets as much, and those who admit requests stay right.
        self._options = replace(options, pages=self.cache_tokens // options.page)

    @property
    def cache_tokens(self) -> int:
        """Tokens that all running requests can hold together."""
        cache = self._manager.batch_processor.cache
        return int(cache.num_blocks) * self._options.page

    @property
    def page(self) -> int:
        return self._options.page

    @property
    def active(self) -> int:
        """Requests that hold a part of the cache, or wait for one."""
        scheduler = self._manager.batch_processor.scheduler
        return len(scheduler.active_requests) + len(scheduler.waiting_requests)

    @property
    def attention(self) -> str:
        return str(self._model.config._attn_implementation)

    def submit(
        self,
        sink: Sink,
        prompt: Sequence[int],
        most: int,
        ends: Sequence[int],
        adapter: Adapter | None = None,
    ) -> str:
        """Raises `EngineFailed`, or `OutOfMemory`, when the engine is closed or cannot be started
        again: the next one tries once more."""
        request_id = f"{next(self._ids)}{ADAPTER}{adapter.serial if adapter else 0}"
        with self._lock:
            if self._closed:
                raise EngineFailed("The engine is closed.")
            if self._router is None:
                logger.warning("the batching loop had died: it is started again")
                self._restart()
            self._sinks[request_id] = sink
            self._manager.add_request(
                list(prompt),
                request_id=request_id,
                max_new_tokens=most,
                streaming=True,
                eos_token_id=list(ends) or -1,
                **{CHOOSER: sink.chooser},
            )
        return request_id

    def cancel(self, request_id: str) -> None:
        if self._sinks.pop(request_id, None) is not None:
            self._manager.cancel_request(request_id)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._manager.stop(block=True, timeout=_LAST_STEP_S, hard_stop=True)

    def _restart(self) -> None:
        try:
            self._start()
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, who asked is told
            logger.warning("the batching loop could not be started again: %s", error)
            failure = error_of(error)
        free_memory()  # the error is gone, and with it what its frames held
        raise failure

    def _start(self) -> None:
        """As the manager's own `start`, with our router, our choosing, and a thread that does not
        keep the process alive and tells when it ends. What fails on the way leaves nothing."""
        manager = _new_manager(self._model, self._options)
        _warm_up(manager)
        if self._adapters.is_enabled:
            tell_adapters_apart(manager, self._adapters)
        manager.background_thread_status.clear()
        manager._generation_thread = threading.Thread(
            target=self._run, args=(manager,), name="batching", daemon=True
        )
        self._manager = manager
        self._router: Router | None = manager.output_router
        self._sinks = manager.output_router.sinks
        manager._generation_thread.start()

    def _run(self, manager: Any) -> None:
        """Frees its cache before anybody can ask for the next one."""
        try:
            manager._run_generation_loop()
        finally:
            fatal = manager.background_thread_status.fatal_error
            with self._lock:
                if fatal is not None:
                    traceback.clear_frames(fatal.__traceback__)
                    manager.batch_processor = None
                free_memory()
                self._router = None
            manager.output_router.fail_all(error_of(fatal or RuntimeError("it was ended")))


def _new_manager(model: Any, options: BatchOptions) -> Any:
    from transformers import ContinuousBatchingConfig, GenerationConfig
    from transformers.generation.continuous_batching import cb_logits_processors as processors

    processors.ContinuousBatchingLogitsProcessor.register(Choosing)
    manager = model.init_continuous_batching(
        # The largest is taken: after `Choosing` it is the one that was chosen.
        generation_config=GenerationConfig(do_sample=False, eos_token_id=-1),
        continuous_batching_config=ContinuousBatchingConfig(
            page_size=options.page,
            num_blocks=options.pages,
            max_blocks_per_request=_table_width(model, options),
            max_batch_tokens=options.batch_tokens,
            max_requests_per_batch=options.most_requests,
            max_memory_percent=None if options.pages else 0.8,
            per_request_processors=True,
            use_cuda_graph=options.graphs,
            kv_padding_interval_size=_GRAPH_STEP if options.graphs else 0,
            auto_switch_to_flash=False,  # which attention it is was decided at loading
            use_async_batching=False,  # the next step would begin before the token is chosen
            safety_margin=0.0,  # nobody enters for whom there is no room
        ),
    )
    listed = manager.logit_processor
    listed.logits_processor.append(Choosing())
    listed.tensors_required = 1
    listed._retrieve_processors_kwargs()
    listed.do_processing = True
    manager.output_router = Router()
    # When its loop ends our router tells everybody, once the cache is free.
    manager._fail_all_remaining_requests = lambda *_: None
    return manager


def _table_width(model: Any, options: BatchOptions) -> int | None:
    """Pages of one request in the table that FlashAttention reads; other attention has none."""
    if "flash" not in model.config._attn_implementation:
        return None
    return -(-options.longest // options.page)


def _warm_up(manager: Any) -> None:
    """Makes the cache, and the graphs if there are any; then hands the choice to our choosers."""
    import torch

    choosing = manager.logit_processor.logits_processor[-1]
    config = manager.continuous_batching_config
    model = manager.model
    if any(config.cuda_graph_booleans):
        shape = (config.max_requests_per_batch, model.get_output_embeddings().weight.shape[0])
        choosing.keep_in(torch.empty(shape, dtype=torch.float32, device=model.device))
    manager.warmup()
    hand_over_the_choice(manager, choosing)
    tell_what_was_cached(manager)
    fill_table_at_once(manager)
