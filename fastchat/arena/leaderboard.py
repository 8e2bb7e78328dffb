"""The leaderboard: a question to the votes, and the whole answer as one value."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Literal, get_args

from fastchat.arena.agreement import weighed
from fastchat.arena.battle import Ballot
from fastchat.arena.categories import CATEGORIES
from fastchat.arena.integrity import Counted, Reason, Rules, counted
from fastchat.arena.ratings.bradley_terry import Fit, fit
from fastchat.arena.ratings.connection import rateable
from fastchat.arena.ratings.fragility import Fragility, fragility
from fastchat.arena.ratings.intervals import Interval, Method, bootstrap, errors, sandwich
from fastchat.arena.ratings.matches import Matches, matches
from fastchat.arena.ratings.matrix import WinMatrix, win_matrix
from fastchat.arena.ratings.ranks import rank_ranges
from fastchat.arena.style import FEATURES, Effect
from fastchat.core.errors import InvalidRequest

# A rating of 400 more wins ten times as often; the mean of all is 1000.
POINTS = 400 / log(10)
MEAN = 1000.0

Ties = Literal["half", "without"]
TIES: tuple[Ties, ...] = get_args(Ties)
Standing = Literal["ranked", "few_votes", "unconnected"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """`enough`: a model with fewer votes is shown, and takes no rank."""

    category: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    ties: Ties = "half"
    style_control: bool = False
    intervals: Method = "sandwich"
    enough: int = 30
    rules: Rules = field(default_factory=Rules)
    agreement: bool = True

    def __post_init__(self) -> None:
        if self.category is not None and self.category not in CATEGORIES:
            names = ", ".join(CATEGORIES)
            raise InvalidRequest(
                f"There is no category {self.category!r}: choose from {names}.", param="category"
            )

    def wants(self, ballot: Ballot) -> bool:
        return (
            (self.category is None or self.category in ballot.categories)
            and (self.since_s is None or ballot.cast_s >= self.since_s)
            and (self.until_s is None or ballot.cast_s < self.until_s)
            and (self.ties == "half" or ballot.winner in ("left", "right"))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One model. Without a rating it is `unconnected`: it only won, only lost or met nobody."""

    model: str
    standing: Standing
    votes: int
    points: float  # wins, and half of the ties
    rating: float | None = None
    lower: float | None = None
    upper: float | None = None
    ranks: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaderboard:
    query: Query
    rows: Sequence[Row]
    matrix: WinMatrix
    votes: int
    left_out: Mapping[Reason, int]
    fragility: Fragility | None
    left_share: float | None  # of the points: far from a half, the side had a say
    effects: Mapping[str, Effect]  # of style, by feature, where it was asked for


def leaderboard(ballots: Iterable[Ballot], query: Query, rng: random.Random) -> Leaderboard:
    """The rules look at all votes, the question only at those that it is about."""
    valid = counted(ballots, query.rules)
    weights = weighed(valid.ballots, valid.weights) if query.agreement else valid.weights
    chosen = [
        (ballot, weight)
        for ballot, weight in zip(valid.ballots, weights, strict=True)
        if query.wants(ballot)
    ]
    about = Counted(
        ballots=[ballot for ballot, _ in chosen],
        weights=[weight for _, weight in chosen],
        left_out=valid.left_out,
    )
    return _rated(about, query, rng)


def _rated(about: Counted, query: Query, rng: random.Random) -> Leaderboard:
    rows = matches(about.ballots, about.weights, styled=query.style_control)
    matrix = win_matrix(rows)
    group = rows.only(rateable(rows))
    found = fit(group)
    interval = _interval(group, found, query, rng)
    battles = dict(zip(rows.models, matrix.battles.sum(axis=1), strict=True))
    placed = [battles[model] >= query.enough for model in group.models]
    return Leaderboard(
        query=query,
        rows=_rows(matrix, group, found, interval, placed),
        matrix=matrix,
        votes=len(about.ballots),
        left_out=about.left_out,
        fragility=fragility(group, found, placed),
        left_share=float(rows.counts @ rows.scores / rows.votes) if rows.votes else None,
        effects=_effects(group, found) if query.style_control and group.size else {},
    )


def _interval(group: Matches, found: Fit, query: Query, rng: random.Random) -> Interval:
    if not group.size:
        return Interval(found.ratings, found.ratings)
    if query.intervals == "sandwich":
        return sandwich(group, found)
    return bootstrap(group, found, rng)


def _effects(group: Matches, found: Fit) -> Mapping[str, Effect]:
    width = errors(group, found)[group.size :]
    return {
        name: Effect(
            points=float(effect * POINTS),
            lower=float((effect - off) * POINTS),
            upper=float((effect + off) * POINTS),
            votes=round(group.votes),
        )
        for name, effect, off in zip(FEATURES, found.effects, width, strict=True)
    }


def _rows(
    matrix: WinMatrix, group: Matches, found: Fit, interval: Interval, placed: Sequence[bool]
) -> list[Row]:
    """The best first; whoever cannot be rated comes last, by name."""
    ranks = rank_ranges(interval, placed)
    rated = {model: index for index, model in enumerate(group.models)}
    rows = []
    for index, model in enumerate(matrix.models):
        votes, points = int(matrix.battles[index].sum()), float(matrix.points[index].sum())
        place = rated.get(model)
        if place is None:
            rows.append(Row(model=model, standing="unconnected", votes=votes, points=points))
            continue
        rows.append(
            Row(
                model=model,
                standing="ranked" if placed[place] else "few_votes",
                votes=votes,
                points=points,
                rating=_points(found.ratings[place]),
                lower=_points(interval.lower[place]),
                upper=_points(interval.upper[place]),
                ranks=ranks[place],
            )
        )
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[int, float, str]:
    standings: list[Standing] = ["ranked", "few_votes", "unconnected"]
    return standings.index(row.standing), -(row.rating or 0.0), row.model


def _points(natural: float) -> float:
    return float(natural) * POINTS + MEAN
