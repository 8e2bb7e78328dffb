"""Tokens from the manager's thread to those who wait for them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastchat.core.errors import EngineFailed, PlatformError
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.failures import error_of
from fastchat.engines.transformers.sampling import Chooser

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Sink:
    """Where the tokens of one request go, from the manager's thread."""

    chooser: Chooser
    put: Callable[[Sequence[Token]], None]
    fail: Callable[[PlatformError], None]
    given: int = 0


@dataclass(slots=True)
class Router:
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


def _safely(call: Callable[[Any], None], value: object) -> None:
    """A reader's loop may be closed: that is no reason to end everybody's answers."""
    try:
        call(value)
    except RuntimeError:
        logger.debug("nobody is there to hear", exc_info=True)
