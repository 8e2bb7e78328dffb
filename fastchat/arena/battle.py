"""A battle, the vote on it, and both as the one row that the leaderboard is computed from."""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

from fastchat.arena.categories import Talk, categories_of
from fastchat.arena.leaks import names_itself
from fastchat.arena.style import Style, style_of

Winner = Literal["left", "right", "tie", "both_bad"]
WINNERS: tuple[Winner, ...] = get_args(Winner)

# Where a battle was fought: blind, with the names in sight, or by a client of the API.
Kind = Literal["battle", "side_by_side", "api"]
BLIND: frozenset[Kind] = frozenset(["battle", "api"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One model's part: its answer to each question."""

    model: str
    answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Battle:
    """Two whole answers to the same questions. Which model stood left was chosen by chance. Of
    `pictures` only their marks are kept (`core.pictures`)."""

    id: str
    kind: Kind
    began_s: float  # when the last question was asked, since 1970
    finished_s: float
    questions: tuple[str, ...]
    left: Side
    right: Side
    pictures: tuple[str, ...] = ()

    @property
    def has_image(self) -> bool:
        return bool(self.pictures)


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """`voter` is a login or a browser's own random name; `dwell_s` is how long both answers lay
    there before it was cast."""

    battle: str
    winner: Winner
    voter: str
    address: str
    cast_s: float
    dwell_s: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """One vote with what the ratings need of its battle, and no text."""

    battle: str
    kind: Kind
    left: str
    right: str
    winner: Winner
    cast_s: float
    voter: str = ""
    address: str = ""
    dwell_s: float | None = None
    question: str = ""
    categories: frozenset[str] = frozenset()
    styles: tuple[Style, Style] | None = None
    leaked: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What the ratings need of the texts. It follows from them, and can be computed again."""

    question: str  # a digest: the same question has the same
    categories: frozenset[str]
    styles: tuple[Style, Style]
    leaked: bool


def traits_of(battle: Battle) -> Traits:
    return Traits(
        question=digest(battle),
        categories=categories_of(Talk(questions=battle.questions, has_image=battle.has_image)),
        styles=(style_of(battle.left.answers), style_of(battle.right.answers)),
        leaked=leaks(battle),
    )


def ballot(battle: Battle, vote: Vote) -> Ballot:
    traits = traits_of(battle)
    return Ballot(
        battle=battle.id,
        kind=battle.kind,
        left=battle.left.model,
        right=battle.right.model,
        winner=vote.winner,
        cast_s=vote.cast_s,
        voter=vote.voter,
        address=vote.address,
        dwell_s=vote.dwell_s,
        question=traits.question,
        categories=traits.categories,
        styles=traits.styles,
        leaked=traits.leaked,
        reasons=vote.reasons,
    )


def leaks(battle: Battle) -> bool:
    """Whether it was meant to be blind and an answer gave a name away."""
    names = (battle.left.model, battle.right.model)
    answers = [*battle.left.answers, *battle.right.answers]
    return battle.kind in BLIND and any(names_itself(answer, names) for answer in answers)


def digest(battle: Battle) -> str:
    """The same for questions that differ in case and blanks only. One picture is another question
    than the next."""
    asked = [" ".join(question.casefold().split()) for question in battle.questions]
    said = "\0".join([*asked, *battle.pictures])
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]
