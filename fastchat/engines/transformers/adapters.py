"""The adapters that are served beside a model, and which tokens of a step belong to which of them.

A step holds tokens of many requests. Hooks behind the linear layers add to each what its own
adapter adds; so requests for the base model and for any number of adapters share one batch.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastchat.core.errors import Conflict, InvalidRequest, PlatformError, UnknownModel, Unsupported
from fastchat.engines.transformers.lora import Adapter, read_adapter
from fastchat.engines.transformers.sentences import found_in

logger = logging.getLogger(__name__)

# Whose tokens stand where in a step.
Span = tuple[Adapter, slice]


@dataclass(frozen=True, slots=True)
class _Layer:
    module: Any
    in_size: int
    out_size: int

    @property
    def device(self) -> Any:
        return self.module.weight.device


class Adapters:
    """Changed in the event loop; the threads that compute look adapters up. `is_enabled` False:
    the model has no hooks, and nothing can be added."""

    def __init__(self, model: Any, taken: Sequence[str], *, is_enabled: bool) -> None:
        self.is_enabled = is_enabled
        self._taken = frozenset(taken)
        self._dtype = model.dtype
        self._layers = _linear_layers(model) if is_enabled else {}
        self._named: dict[str, Adapter] = {}
        self._alive: dict[int, Adapter] = {}
        self._serials = itertools.count(1)
        self._step = threading.local()
        self._adding = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._named)

    def hook(self, model: Any) -> None:
        """Once for each set of modules that computes."""
        for name, layer in _linear_layers(model).items() if self.is_enabled else ():
            layer.module.register_forward_hook(partial(self._add, name))

    async def add(self, name: str, source: str) -> None:
        """Raises `InvalidRequest`, `Conflict`, or `Unsupported` where it is not enabled."""
        async with self._adding:
            self.load(name, await asyncio.to_thread(self.read, name, source))

    def read(self, name: str, source: str) -> Adapter:
        """`source` is a folder, or the id of an adapter on a hub. Blocks."""
        if not self.is_enabled:
            raise Unsupported(["adapters (start the worker with --enable-lora)"], model=name)
        try:
            layers = read_adapter(name, found_in(source, "main"), self._layers, self._dtype)
        except PlatformError:
            raise
        except Exception as error:  # a file may make its reader raise whatever it likes
            reason = " ".join(str(error).split())
            raise InvalidRequest(
                f"The adapter {name!r} cannot be read from {source}: {reason}", param="lora_path"
            ) from error
        return Adapter(next(self._serials), layers)

    def load(self, name: str, adapter: Adapter) -> None:
        if name in self._named or name in self._taken:
            raise Conflict(f"A model of the name {name!r} is served already.", param="lora_name")
        self._named[name] = self._alive[adapter.serial] = adapter
        logger.info("the adapter %s is served: %d layers", name, len(adapter.layers))

    def remove(self, name: str) -> None:
        """Who asked before gets the whole answer. Raises `InvalidRequest`."""
        adapter = self._named.pop(name, None)
        if adapter is None:
            known = ", ".join(self._named) or "there are none"
            raise InvalidRequest(f"No adapter is called {name!r} ({known}).", param="lora_name")
        self._forget(adapter)
        logger.info("the adapter %s is no longer served", name)

    @asynccontextmanager
    async def held(self, model_name: str) -> AsyncIterator[Adapter | None]:
        """For one answer. None: it is for the model itself. Raises `UnknownModel` for an adapter
        that was removed while the request waited."""
        if model_name in self._taken:
            yield None
            return
        adapter = self._named.get(model_name)
        if adapter is None:
            raise UnknownModel(model_name, [*self._taken, *self._named])
        adapter.users += 1
        try:
            yield adapter
        finally:
            adapter.users -= 1
            self._forget(adapter)

    def _forget(self, adapter: Adapter) -> None:
        if adapter.users == 0 and adapter not in self._named.values():
            self._alive.pop(adapter.serial, None)

    # -- in the threads that compute --

    def assign(self, parts: Sequence[tuple[int, int]]) -> None:
        """The next step of this thread has these tokens: serial of the adapter (0: none), count."""
        spans, start = [], 0
        for serial, count in parts:
            adapter = self._alive.get(serial)
            if adapter is not None:
                spans.append((adapter, slice(start, start + count)))
            start += count
        self._step.spans = spans

    @contextmanager
    def over_all(self, adapter: Adapter | None) -> Iterator[None]:
        """All that this thread computes meanwhile."""
        self._step.spans = [] if adapter is None else [(adapter, slice(None))]
        try:
            yield
        finally:
            self._step.spans = []

    def _add(self, name: str, _: Any, inputs: tuple[Any, ...], output: Any) -> None:
        spans: Sequence[Span] = getattr(self._step, "spans", ())
        for adapter, tokens in spans:
            matrices = adapter.layers.get(name)
            if matrices is not None:
                added = matrices(inputs[0][..., tokens, :])
                output[..., tokens, :] += added.to(output.dtype)


def _linear_layers(model: Any) -> dict[str, _Layer]:
    """All but the last, which sees only the tokens that something is chosen after."""
    last = model.get_output_embeddings()
    sized = {
        name: (module, _sizes(module))
        for name, module in model.named_modules()
        if module is not last
    }
    return {name: _Layer(module, *sizes) for name, (module, sizes) in sized.items() if sizes}


def _sizes(module: Any) -> tuple[int, int] | None:
    if hasattr(module, "in_features") and hasattr(module, "out_features"):
        return int(module.in_features), int(module.out_features)
    if type(module).__name__ == "Conv1D":  # GPT-2's
        return int(module.nx), int(module.nf)
    return None
