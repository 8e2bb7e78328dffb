"""The one place that knows transformers' continuous batching from the inside (5.23).

What the manager does not do by itself is added here. Each row of logits goes through the `Chooser`
of its request. Whoever submits gets exactly one end: the manager says nothing about a request that
was cancelled, loses those that come while its loop dies, and stays dead.
"""

import gc
import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastchat.core.errors import EngineFailed, OutOfMemory, PlatformError
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.lora import Adapter
from fastchat.engines.transformers.sampling import Chooser, choose_all

logger = logging.getLogger(__name__)

# The word under which a request's chooser travels through the manager.
_CHOOSER = "chooser"
_LAST_STEP_S = 30.0
# In a request's id, before the serial number of its adapter.
_ADAPTER = "@"
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


@dataclass(slots=True)
class Sink:
    """Where the tokens of one request go, from the manager's thread."""

    chooser: Chooser
    put: Callable[[Sequence[Token]], None]
    fail: Callable[[PlatformError], None]
    given: int = 0


@dataclass(slots=True)
class _Router:
    """Stands in for the manager's own, which calls into event loops that may be closed."""

    sinks: dict[str, Sink] = field(default_factory=dict)

    def deliver(self, output: Any) -> None:
        sink = self.sinks.get(output.request_id)
        if sink is None:
            return
        tokens = sink.chooser.tokens[sink.given : len(output.generated_tokens)]
        sink.given += len(tokens)
        if output.is_finished():
            del self.sinks[output.request_id]
        if tokens:
            _safely(sink.put, tokens)
        if output.error is not None:
            _safely(sink.fail, EngineFailed(f"The model failed: {output.error}"))

    def deliver_batch(self, outputs: Sequence[Any]) -> None:
        for output in outputs:
            self.deliver(output)

    def fail_and_deliver(self, state: Any, error: Exception) -> None:
        state.error = str(error)
        sink = self.sinks.pop(state.request_id, None)
        if sink is not None:
            _safely(sink.fail, error_of(error))

    def fail_all(self, error: PlatformError) -> None:
        while self.sinks:
            _safely(self.sinks.popitem()[1].fail, error)


class _Choosing:
    """In the place of logits processors: keeps the logits, of which the choosers choose when the
    step is done. What happens within the step may be a CUDA graph, which does not come back here.
    """

    supported_kwargs = {_CHOOSER: Chooser}  # noqa: RUF012  # read by the manager as it is
    ignored_kwargs = ()

    def __init__(self) -> None:
        self._kept: Any = None
        self._is_fixed = False

    def keep_in(self, rows: Any) -> None:
        """Graphs write to the place that they were made with."""
        self._kept, self._is_fixed = rows, True

    def fill_defaults(self, _: Any) -> None:
        """Nothing of ours is in the tensor."""

    def prepare_tensor_args(self, requests: Sequence[Any]) -> Any:
        import torch

        return torch.zeros(len(requests), dtype=torch.int32)

    def __call__(self, scores: Any, _: Any) -> Any:
        if self._is_fixed:
            self._kept[: len(scores)].copy_(scores)
        else:
            self._kept = scores
        return scores

    def chosen(self, requests: Sequence[Any]) -> list[int]:
        """For each request that got a token in this step, in their order."""
        states = [one.state for one in requests if one.has_new_token]
        choosers = [state.logit_processor_kwargs[_CHOOSER] for state in states]
        return choose_all(choosers, self._kept[: len(choosers)])


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
        """Raises `EngineFailed` when the engine is closed or cannot be started again."""
        request_id = f"{next(self._ids)}{_ADAPTER}{adapter.serial if adapter else 0}"
        with self._lock:
            if self._closed:
                raise EngineFailed("The engine is closed.")
            if self._router is None:
                logger.warning("the batching loop had died: it is started again")
                self._start()
            self._sinks[request_id] = sink
            self._manager.add_request(
                list(prompt),
                request_id=request_id,
                max_new_tokens=most,
                streaming=True,
                eos_token_id=list(ends) or -1,
                **{_CHOOSER: sink.chooser},
            )
        return request_id

    def cancel(self, request_id: str) -> None:
        if self._sinks.pop(request_id, None) is not None:
            self._manager.cancel_request(request_id)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._manager.stop(block=True, timeout=_LAST_STEP_S, hard_stop=True)

    def _start(self) -> None:
        """As the manager's own `start`, with our router, our choosing, and a thread that does not
        keep the process alive and tells when it ends."""
        self._manager = manager = _new_manager(self._model, self._options)
        self._router: _Router | None = manager.output_router
        self._sinks = manager.output_router.sinks
        _warm_up(manager)
        if self._adapters.is_enabled:
            _tell_adapters_apart(manager, self._adapters)
        manager.background_thread_status.clear()
        manager._generation_thread = threading.Thread(
            target=self._run, args=(manager,), name="batching", daemon=True
        )
        manager._generation_thread.start()

    def _run(self, manager: Any) -> None:
        try:
            manager._run_generation_loop()
        finally:
            with self._lock:
                self._router = None
            fatal = manager.background_thread_status.fatal_error
            manager.output_router.fail_all(error_of(fatal or RuntimeError("it was ended")))
            manager.batch_processor = None if fatal else manager.batch_processor
            free_memory()


def error_of(error: BaseException) -> PlatformError:
    if "out of memory" in str(error).lower():
        return OutOfMemory(
            "CUDA out of memory. Ask for fewer tokens, or give the worker a smaller cache "
            "(--cache-tokens), fewer requests at once (--limit-worker-concurrency) or --load-8bit."
        )
    return EngineFailed(f"The model failed: {error}")


def free_memory() -> None:
    import torch

    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def _new_manager(model: Any, options: BatchOptions) -> Any:
    from transformers import ContinuousBatchingConfig, GenerationConfig
    from transformers.generation.continuous_batching import cb_logits_processors as processors

    processors.ContinuousBatchingLogitsProcessor.register(_Choosing)
    manager = model.init_continuous_batching(
        # The largest is taken: after `_Choosing` it is the one that was chosen.
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
    listed.logits_processor.append(_Choosing())
    listed.tensors_required = 1
    listed._retrieve_processors_kwargs()
    listed.do_processing = True
    manager.output_router = _Router()
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
    steps = manager.batch_processor.inputs_and_outputs
    done = steps.prepare_batch_update

    def update() -> tuple[Any, list[int], None]:
        requests = done()[0]
        return requests, choosing.chosen(requests), None

    steps.prepare_batch_update = update
    _tell_what_was_cached(manager)
    _fill_table_at_once(manager.batch_processor.cache, steps)


def _tell_what_was_cached(manager: Any) -> None:
    cache, sinks = manager.batch_processor.cache, manager.output_router.sinks
    search = cache.search_prefix_match

    def found(request_id: str, prompt_ids: list[int]) -> int:
        tokens: int = search(request_id, prompt_ids)
        sink = sinks.get(request_id)
        if sink is not None and not sink.chooser.tokens:
            sink.chooser.cached_tokens = tokens
        return tokens

    cache.search_prefix_match = found


def _tell_adapters_apart(manager: Any, adapters: Adapters) -> None:
    """Each step says whose tokens it holds. Keys and values are shared by what they were made of:
    under an adapter the same tokens are others, so the first one of a prompt is marked."""
    steps, cache = manager.batch_processor.inputs_and_outputs, manager.batch_processor.cache
    tokens = manager.model.get_input_embeddings().weight.shape[0]
    prepare, search = steps.prepare_batch_tensors, cache.search_prefix_match

    def marked(request_id: str, ids: list[int]) -> list[int]:
        serial = _serial(request_id)
        return [-(serial * tokens + ids[0]), *ids[1:]] if serial and ids else ids

    def prepared(requests_in_batch: Sequence[Any], **words: Any) -> None:
        adapters.assign(
            [(_serial(one.state.request_id), one.query_length) for one in requests_in_batch]
        )
        prepare(requests_in_batch=requests_in_batch, **words)

    def completed(mark: Callable[..., None], request_id: str, ids: list[int], new: int) -> None:
        mark(request_id, marked(request_id, ids), new)

    steps.prepare_batch_tensors = prepared
    cache.search_prefix_match = lambda request_id, ids: search(request_id, marked(request_id, ids))
    for allocator in cache.cache_allocators.values():
        allocator.mark_complete_blocks = partial(completed, allocator.mark_complete_blocks)


def _serial(request_id: str) -> int:
    return int(request_id.partition(_ADAPTER)[2] or 0)


def _fill_table_at_once(cache: Any, steps: Any) -> None:
    """The table of pages goes to the device in one copy a step, where it was one a request."""
    import torch

    if len(cache.cache_allocators) != 1 or not steps.block_table.numel():
        return
    (pages,) = cache.cache_allocators.values()
    apart = pages.block_physical_stride // pages.tokens_per_page
    rows: list[list[int]] = []
    prepare = steps.prepare_batch_tensors

    def noted(request_id: str, *_: Any) -> None:
        rows.append([page * apart for page in pages.block_table[request_id]])

    def prepared(*args: Any, **words: Any) -> None:
        rows.clear()
        prepare(*args, **words)
        if rows:
            width = max(map(len, rows))
            table = torch.tensor([row + [-1] * (width - len(row)) for row in rows])
            steps.block_table[0, : len(rows), :width].copy_(table)

    cache.fill_block_table = noted
    steps.prepare_batch_tensors = prepared


def _safely(call: Callable[[Any], None], value: object) -> None:
    """A reader's loop may be closed: that is no reason to end everybody's answers."""
    try:
        call(value)
    except RuntimeError:
        logger.debug("nobody is there to hear", exc_info=True)
