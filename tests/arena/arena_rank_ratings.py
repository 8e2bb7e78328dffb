"""What arena-rank makes of votes: run by its own interpreter, votes in on stdin, ratings out.

Its optimizer stops early by default; here it goes on until nothing moves, so that a difference is
one of method.
"""

import json
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
from arena_rank.models.bradley_terry import BradleyTerry, fit_single_bootstrap_sample
from arena_rank.models.contextual_bradley_terry import ContextualBradleyTerry
from arena_rank.utils.data_utils import ContextualPairDataset, PairDataset

EXACT = {"ftol": 1e-16, "gtol": 1e-12, "max_iter": 5000}


def main() -> None:
    asked = json.load(sys.stdin)
    frame = pd.DataFrame(asked["votes"], columns=["model_a", "model_b", "winner"])
    found = {"plain": _told(_plain(frame))}
    found["again"] = [_again(frame, counts) for counts in asked["counts"]]
    found["styled"] = _told(_styled(frame, asked["features"]))
    json.dump(found, sys.stdout)


def _plain(frame: pd.DataFrame) -> dict:
    data = PairDataset.from_pandas(frame)
    return BradleyTerry(data.n_competitors, **EXACT).compute_ratings_and_cis(data)


def _again(frame: pd.DataFrame, counts: list[float]) -> list[float]:
    """One round of its bootstrap: the votes as often as that."""
    data = PairDataset.from_pandas(frame)
    model = BradleyTerry(data.n_competitors, **EXACT)
    found = fit_single_bootstrap_sample(jnp.array(counts), model, data)
    return np.asarray(found["ratings"]).tolist()


def _styled(frame: pd.DataFrame, features: list[list[float]]) -> dict:
    names = [f"f{column}" for column in range(len(features[0]))]
    styled = frame.join(pd.DataFrame(np.array(features), columns=names))
    data = ContextualPairDataset.from_pandas(
        styled, names, reweighted=False, normalize_features=False
    )
    model = ContextualBradleyTerry(data.n_competitors, len(names), reg=1e-6, **EXACT)
    return model.compute_ratings_and_cis(data)


def _told(found: dict) -> dict:
    keys = ("ratings", "rating_lower", "rating_upper", "coeffs")
    told = {key: np.asarray(jnp.asarray(found[key])).tolist() for key in keys if key in found}
    return told | {"models": list(found["competitors"])}


if __name__ == "__main__":
    main()
