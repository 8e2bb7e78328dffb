"""What is changed in the steps of transformers' continuous batching (5.23): who chooses a token,
what is told of the cache, whose tokens a step holds. Methods of one manager's parts are replaced,
and nothing of the library's.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.sampling import Chooser, choose_all

# The word under which a request's chooser travels through the manager.
CHOOSER = "chooser"
# In a request's id, before the serial number of its adapter.
ADAPTER = "@"


class Choosing:
    """In the place of logits processors: keeps the logits, of which the choosers choose when the
    step is done. What happens within the step may be a CUDA graph, which does not come back here.
    """

    supported_kwargs = {CHOOSER: Chooser}  # noqa: RUF012  # read by the manager as it is
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
        choosers = [state.logit_processor_kwargs[CHOOSER] for state in states]
        return choose_all(choosers, self._kept[: len(choosers)])


def hand_over_the_choice(manager: Any, choosing: Choosing) -> None:
    """Behind each step our choosers choose, of the logits that `choosing` kept."""
    steps = manager.batch_processor.inputs_and_outputs
    done = steps.prepare_batch_update

    def update() -> tuple[Any, list[int], None]:
        requests = done()[0]
        return requests, choosing.chosen(requests), None

    steps.prepare_batch_update = update


def tell_what_was_cached(manager: Any) -> None:
    cache, sinks = manager.batch_processor.cache, manager.output_router.sinks
    search = cache.search_prefix_match

    def found(request_id: str, prompt_ids: list[int]) -> int:
        tokens: int = search(request_id, prompt_ids)
        sink = sinks.get(request_id)
        if sink is not None and not sink.chooser.tokens:
            sink.chooser.cached_tokens = tokens
        return tokens

    cache.search_prefix_match = found


def tell_adapters_apart(manager: Any, adapters: Adapters) -> None:
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
    return int(request_id.partition(ADAPTER)[2] or 0)


def fill_table_at_once(manager: Any) -> None:
    """The table of pages goes to the device in one copy a step, where it was one a request."""
    import torch

    cache, steps = manager.batch_processor.cache, manager.batch_processor.inputs_and_outputs
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
