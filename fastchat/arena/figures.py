"""What an arena counts: battles and votes, never who fought or who voted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from fastchat.arena.battle import WINNERS, Kind, Winner
from fastchat.core.metrics import Counter, Figures

Outcome = Literal["whole", "failed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(slots=True)
class ArenaFigures:
    """`kinds` are those that are fought here. Every series is there from the start: `rate()` does
    not see the first of one that was not there before."""

    figures: Figures = field(default_factory=Figures)
    kinds: Sequence[Kind] = KINDS
    _battles: Counter = field(init=False)
    _votes: Counter = field(init=False)

    def __post_init__(self) -> None:
        self._battles = self.figures.counter(
            "arena_battles",
            "Questions to two models; whole: both answered, so that there is a vote to cast; "
            "failed: a side failed, said nothing or was stopped.",
            *("kind", "outcome"),
        )
        self._votes = self.figures.counter(
            "arena_votes", "Votes that were cast, those that are void included.", "kind", "winner"
        )
        for kind in self.kinds:
            for outcome in OUTCOMES:
                self._battles.of(kind, outcome)
            for winner in WINNERS:
                self._votes.of(kind, winner)

    def fought(self, kind: Kind, outcome: Outcome) -> None:
        self._battles.of(kind, outcome).add()

    def voted(self, kind: Kind, winner: Winner) -> None:
        self._votes.of(kind, winner).add()
