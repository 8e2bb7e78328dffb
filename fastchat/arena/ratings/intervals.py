"""How far a rating may be off: from the curvature (sandwich), or by drawing votes again."""

import random
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from fastchat.arena.ratings.bradley_terry import Fit, curvature, expected, fit, outer
from fastchat.arena.ratings.matches import Floats, Matches

Method = Literal["sandwich", "bootstrap"]
METHODS: tuple[Method, ...] = get_args(Method)
CONFIDENCE = 0.95
ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Interval:
    lower: Floats
    upper: Floats


def covariance(rows: Matches, found: Fit) -> Floats:
    """Of all parameters; it holds when the model is wrong about how certain a vote is."""
    bread = np.linalg.inv(curvature(rows, found.parameters))
    surprise = rows.weights * (rows.scores - expected(rows, found.parameters))
    return bread @ outer(rows, rows.counts * surprise**2) @ bread


def errors(rows: Matches, found: Fit, confidence: float = CONFIDENCE) -> Floats:
    """Half the width of the interval of each parameter, ratings first."""
    variance = np.maximum(np.diag(covariance(rows, found)), 0)
    return np.asarray(ndtri((1 + confidence) / 2) * np.sqrt(variance))


def sandwich(rows: Matches, found: Fit, confidence: float = CONFIDENCE) -> Interval:
    width = errors(rows, found, confidence)[: rows.size]
    return Interval(found.ratings - width, found.ratings + width)


def bootstrap(
    rows: Matches,
    found: Fit,
    rng: random.Random,
    *,
    rounds: int = ROUNDS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """As many votes as there are, drawn from them with repetition, rated; `rounds` times."""
    draws = np.random.default_rng(rng.getrandbits(64))
    votes, shares = round(rows.votes), rows.counts / rows.counts.sum()
    samples = np.empty((rounds, rows.size))
    for index in range(rounds):
        counts = draws.multinomial(votes, shares).astype(np.float64)
        samples[index] = fit(rows.counted(counts), found).ratings
    tail = (1 - confidence) / 2
    return Interval(np.quantile(samples, tail, axis=0), np.quantile(samples, 1 - tail, axis=0))
