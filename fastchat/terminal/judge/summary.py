"""What came of it: verdicts, how steady the judge is, how far people agree, what it cost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from fastchat.arena.battle import Winner
from fastchat.arena.judging.verdicts import agreement, kappa
from fastchat.core.generation import Usage
from fastchat.providers.prices import Price
from fastchat.terminal.judge.record import Judgment


def summary(
    judgments: Sequence[Judgment], votes: Mapping[str, Winner], price: Price | None
) -> Iterator[str]:
    readable = [one for one in judgments if one.is_readable]
    yield f"{len(judgments)} battles judged, {len(judgments) - len(readable)} without a verdict"
    if readable and readable[0].mode == "pair":
        yield from _pairs(readable, votes)
    yield from _models(readable)
    own = sum(one.judge in (one.left, one.right) for one in judgments)
    if own:
        yield f"{own} of them are about answers of the judge itself"
    yield _cost(judgments, price)


def _pairs(readable: Sequence[Judgment], votes: Mapping[str, Winner]) -> Iterator[str]:
    counts = Counter(one.verdict for one in readable)
    yield f"left {counts['left']}, right {counts['right']}, tie {counts['tie']}"
    steady = sum(one.consistent is True for one in readable)
    yield f"the same both ways round: {steady / len(readable):.0%}"
    pairs = [
        (one.verdict, votes[one.battle])
        for one in readable
        if one.verdict is not None and one.battle in votes
    ]
    share, beyond = agreement(pairs), kappa(pairs)
    if share is not None:
        said = "no kappa: one verdict only" if beyond is None else f"kappa {beyond:.2f}"
        yield f"agrees with {len(pairs)} votes in {share:.0%}, {said}"


def _models(readable: Sequence[Judgment]) -> Iterator[str]:
    """Points of each model: wins and half of the ties, or the mean grade."""
    points: dict[str, list[float]] = {}
    for one in readable:
        if one.grades is not None:
            left, right = (value or 0.0 for value in one.grades)
        else:
            left = {"left": 1.0, "tie": 0.5}.get(one.verdict or "", 0.0)
            right = 1 - left
        points.setdefault(one.left, []).append(left)
        points.setdefault(one.right, []).append(right)
    by_grade = bool(readable) and readable[0].grades is not None
    for model, values in sorted(points.items(), key=lambda item: -sum(item[1]) / len(item[1])):
        mean = sum(values) / len(values)
        yield f"{model}: {f'{mean:.2f} of 10' if by_grade else f'won {mean:.0%}'} of {len(values)}"


def _cost(judgments: Sequence[Judgment], price: Price | None) -> str:
    usage = Usage(
        prompt_tokens=sum(one.prompt_tokens for one in judgments),
        completion_tokens=sum(one.completion_tokens for one in judgments),
    )
    said = f"{usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written"
    if price is None:
        return f"{said}; the judge has no known price"
    return f"{said}; ${price.microdollars(usage) / 1e6:.2f}"
