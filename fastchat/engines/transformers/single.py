"""One answer at a time in a thread: for models that cannot be batched, and repeatable answers."""

import copy
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fastchat.core.errors import EngineFailed, PlatformError
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.failures import error_of, free_memory, is_want_of_memory
from fastchat.engines.transformers.lora import Adapter
from fastchat.engines.transformers.sampling import Chooser

logger = logging.getLogger(__name__)

# A prompt is read in pieces, because between them one can stop.
_PREFILL = 32


class _Left(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """`put` and `fail` are called from the thread; `left` tells that nobody waits any more."""

    chooser: Chooser
    adapter: Adapter | None
    prompt: Sequence[int]
    most_tokens: int
    ends: Sequence[int]
    put: Callable[[Sequence[Token]], None]
    fail: Callable[[PlatformError], None]
    left: Callable[[], bool]

    @property
    def is_over(self) -> bool:
        said = self.chooser.tokens
        return len(said) >= self.most_tokens or bool(said and said[-1].id in self.ends)


class Singles:
    """`at_once` answers, each in a thread of its own. `apart`: each with modules of its own.
    `in_pieces`: a prompt is read into a cache of ours, for which not all models are made.

    Changes the generation config of the models that it asks: nothing may stand there that the
    request did not say.
    """

    def __init__(
        self, model: Any, at_once: int, adapters: Adapters, *, apart: bool, in_pieces: bool
    ) -> None:
        self._adapters = adapters
        self._in_pieces = in_pieces
        self._models = [twin(model) if apart else model for _ in range(at_once)]
        for one in self._models if apart else ():
            adapters.hook(one)
        for one in self._models:
            one.generation_config = unopinionated(one.generation_config)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="single")

    def submit(self, task: Task) -> "Future[None]":
        return self._threads.submit(self._run, task)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, task: Task) -> None:
        model = self._models.pop()  # there are as many as threads
        try:
            with self._adapters.over_all(task.adapter):
                generate(model, task, in_pieces=self._in_pieces)
            if not task.is_over:
                task.fail(EngineFailed("The model ended its answer before its end."))
        except _Left:
            return
        except Exception as error:  # handed to whoever reads
            if not is_want_of_memory(error):
                logger.exception("the model failed")
            task.fail(error_of(error))
            free_memory()
        finally:
            self._models.append(model)


def twin(model: Any) -> Any:
    """The same weights in other modules with another config. The manager's calls change the config
    for as long as they last (`is_causal`): a call at the same time would read it, and keep it."""
    shared = [*model.parameters(), *model.buffers(), *_of_eight_bits(model)]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in shared})


def unopinionated(own: Any) -> Any:
    """`generate` fills what its caller left open from here. A checkpoint's penalties, beams and
    limits would change what the request asked for, or end an answer that nobody then ends."""
    from transformers import GenerationConfig

    return GenerationConfig(
        bos_token_id=own.bos_token_id,
        pad_token_id=own.pad_token_id,
        decoder_start_token_id=own.decoder_start_token_id,
    )


def _of_eight_bits(model: Any) -> list[Any]:
    """bitsandbytes moves the scales of a weight to the module that computes first: another one
    would find none, and compute nonsense."""
    found = []
    for module in model.modules():
        if getattr(getattr(module, "weight", None), "CB", None) is not None:
            module.init_8bit_state()
        state = getattr(module, "state", None)
        found += [getattr(state, "CB", None), getattr(state, "SCB", None)]
    return [tensor for tensor in found if tensor is not None]


class _OneByOne:
    """A logits processor that lets the request's chooser decide and tells what it chose."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __call__(self, _: Any, scores: Any) -> Any:
        if self._task.left():
            raise _Left
        row = scores[0].float().clone()
        chosen = self._task.chooser.choose(row)
        self._task.put(self._task.chooser.tokens[-1:])
        scores = scores.new_full(scores.shape, float("-inf"))
        scores[0, chosen] = 0.0
        return scores


def generate(model: Any, task: Task, *, in_pieces: bool) -> None:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    ids = torch.tensor([list(task.prompt)], device=model.device)
    words: dict[str, Any] = {"attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        if in_pieces:
            words["past_key_values"] = _prefilled(model, ids, task)
        own = model.generation_config
        model.generate(
            ids,
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=task.most_tokens,
                eos_token_id=list(task.ends) or None,
                pad_token_id=own.pad_token_id if own.pad_token_id is not None else 0,
                decoder_start_token_id=own.decoder_start_token_id,
            ),
            logits_processor=LogitsProcessorList([_OneByOne(task)]),
            **words,
        )


def has_keys_and_values(model: Any) -> bool:
    return not model.config.is_encoder_decoder and not getattr(model, "_is_stateful", False)


def _prefilled(model: Any, ids: Any, task: Task) -> Any:
    """The cache with all of the prompt but its last token."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    for start in range(0, ids.shape[1] - 1, _PREFILL):
        if task.left():
            raise _Left
        piece = ids[:, start : min(start + _PREFILL, ids.shape[1] - 1)]
        model(piece, past_key_values=cache, use_cache=True)
    return cache
