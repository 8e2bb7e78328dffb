"""Old names: what scripts import from `fastchat.utils` lives elsewhere now."""

from fastchat.core.logging import build_logger, pretty_print_semaphore
from fastchat.core.stop_strings import is_partial_stop, is_sentence_complete
from fastchat.model.context import get_context_length

__all__ = [
    "build_logger",
    "get_context_length",
    "is_partial_stop",
    "is_sentence_complete",
    "pretty_print_semaphore",
]
