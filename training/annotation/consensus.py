"""A consensus of raters: who is consistent, and how much each one weighs.

Memo2496 calibrates its raters on exemplars of extreme emotion and keeps ratings within a Euclidean
distance of 0.25 in the valence/arousal plane (Li, Chen, Zhang, arXiv 2512.13998, abstract). From
what the distance is taken is not stated; here it is the consensus of the other raters who are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.records import Ratings

CONSISTENT = 0.25
_LEAST_RATERS = 3
_ROUNDS = 50
_DISTANCES = (0.1, 2.0 * np.sqrt(2.0))  # nobody weighs infinitely much, or nothing


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the raters of a piece say together.

    Attributes
    ----------
    kept
        Which raters are consistent, (raters,).
    distance
        Mean distance of each rater to the others who are kept, (raters,).
    weight
        Share of each rater in the mean, (raters,), of sum 1; 0 for those who are not kept.
    mean
        Valence and arousal, (n, 2); NaN where nobody who is kept rated.
    """

    kept: NDArray[np.bool_]
    distance: NDArray[np.float64]
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]


def agree(ratings: Ratings, threshold: float = CONSISTENT) -> Consensus:
    """Keep the consistent raters and weigh them by how near they are to the others.

    Raters farther than `threshold` from the others are dropped and the others looked at again until
    nothing changes; somebody dropped may come back. The nearest three are always kept. The weight
    is the inverse of the squared distance, floored at 0.1.
    """
    values = ratings.values
    rated: NDArray[np.bool_] = np.asarray(~np.isnan(values).all(axis=(1, 2)))
    kept, seen = rated, set()
    distance = _distances(values, kept)
    for _ in range(_ROUNDS):
        chosen = rated & (distance <= threshold)
        if chosen.sum() < _LEAST_RATERS:
            chosen = np.zeros_like(rated)
            chosen[np.argsort(np.where(rated, distance, np.inf))[:_LEAST_RATERS]] = True
            chosen &= rated
        state = chosen.tobytes()
        if (chosen == kept).all() or state in seen:
            break
        seen.add(state)
        kept = chosen
        distance = _distances(values, kept)
    weight = np.where(kept, 1.0 / np.clip(distance, *_DISTANCES) ** 2, 0.0)
    weight = weight / weight.sum() if weight.sum() > 0 else weight
    return Consensus(kept, distance, weight, weighted_mean(values, weight))


def weighted_mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of ratings (raters, n, 2) at each time, by the weights of those who rated there."""
    known = ~np.isnan(values) & (weight > 0)[:, None, None]
    shares = np.where(known, weight[:, None, None], 0.0)
    total = shares.sum(axis=0)
    sums = (shares * np.where(known, values, 0.0)).sum(axis=0)
    mean: NDArray[np.float64] = np.full_like(sums, np.nan)
    np.divide(sums, total, out=mean, where=total > 0)
    return mean


def _distances(values: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean distance of each rater to the plain mean of the others who are kept; inf where none."""
    answer = np.full(len(values), np.inf)
    for rater, own in enumerate(values):
        others = kept.copy()
        others[rater] = False
        mean = weighted_mean(values, others.astype(np.float64))
        apart = np.sqrt(((own - mean) ** 2).sum(axis=1))
        if not np.isnan(apart).all():
            answer[rater] = np.nanmean(apart)
    return answer
