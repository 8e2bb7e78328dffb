"""`xllamacpp.Server`, as far as it is used."""

from collections.abc import Callable
from typing import Protocol


class Server(Protocol):
    def handle_completions(self, prompt: bytes, callback: Callable[[bytes], bool], /) -> object:
        """Blocks until the answer is complete, or `callback` has returned True."""
        ...

    def handle_metrics(self) -> str: ...
