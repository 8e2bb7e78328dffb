"""Where an answer ends when the caller named strings that end it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class StopStrings:
    """Cuts a growing text before the first stop string; what may become one is held back."""

    stops: Sequence[str]
    found: bool = False
    _held: str = ""

    def push(self, text: str) -> str:
        """What can be shown, now that `text` has been added. Nothing more comes after `found`."""
        grown = self._held + text
        ends = [grown.find(stop) for stop in self.stops if stop in grown]
        if ends:
            self.found = True
            self._held = ""
            return grown[: min(ends)]
        shown = len(grown) - max((beginning(stop, grown) for stop in self.stops), default=0)
        self._held = grown[shown:]
        return grown[:shown]

    def rest(self) -> str:
        """What was held back for a stop string that did not come."""
        held, self._held = self._held, ""
        return held


def beginning(stop: str, text: str) -> int:
    """How much of the end of `text` is the beginning of `stop`."""
    longest = min(len(stop) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


def is_partial_stop(output: str, stop_str: str) -> bool:
    """Whether `output` ends in a beginning of `stop_str`, or in all of it."""
    return output.endswith(stop_str) or beginning(stop_str, output) > 0


def is_sentence_complete(output: str) -> bool:
    """Whether `output` ends as sentences do."""
    return output.endswith((".", "?", "!", "。", "？", "！", "…", '"', "'", "”"))  # noqa: RUF001
