"""Consensus of raters: drop inconsistent raters, weight the others by their distance.

Memo2496 calibrates its raters on exemplars of extreme emotion and keeps ratings within a Euclidean
distance of 0.25 in the valence/arousal plane (Li, Chen, Zhang, arXiv 2512.13998, abstract). The
reference point is not stated; here it is the mean of the other raters that are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.pieces import Ratings

CONSISTENCY_THRESHOLD = 0.25
_MIN_RATERS = 3
_ROUNDS = 50
_DISTANCE_RANGE = (0.1, 2.0 * np.sqrt(2.0))  # bounds the weights


@dataclass(frozen=True, slots=True)
class Consensus:
    """Consensus of the raters of a piece.

    Attributes
    ----------
    kept
        Whether each rater is consistent, (raters,).
    distance
        Mean distance of each rater to the kept others, (raters,).
    weight
        Weight of each rater in the mean, (raters,), of sum 1; 0 for dropped raters.
    mean
        Weighted mean of valence and arousal, (n, 2); NaN at times without a kept rating.
    """

    kept: NDArray[np.bool_]
    distance: NDArray[np.float64]
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]


def find_consensus(ratings: Ratings, threshold: float = CONSISTENCY_THRESHOLD) -> Consensus:
    """Keep the consistent raters, and weight them by the inverse squared distance to the others.

    Raters farther than `threshold` from the kept others are dropped, repeatedly until nothing
    changes; a dropped rater may be kept again. The nearest three are always kept. Distances are
    clipped to at least 0.1.
    """
    values = ratings.values
    rated: NDArray[np.bool_] = np.asarray(~np.isnan(values).all(axis=(1, 2)))
    kept, seen_states = rated, set()
    distance = _distances(values, kept)
    for _ in range(_ROUNDS):
        chosen = rated & (distance <= threshold)
        if chosen.sum() < _MIN_RATERS:
            chosen = np.zeros_like(rated)
            chosen[np.argsort(np.where(rated, distance, np.inf))[:_MIN_RATERS]] = True
            chosen &= rated
        state = chosen.tobytes()
        if (chosen == kept).all() or state in seen_states:
            break
        seen_states.add(state)
        kept = chosen
        distance = _distances(values, kept)
    weight = np.where(kept, 1.0 / np.clip(distance, *_DISTANCE_RANGE) ** 2, 0.0)
    weight = weight / weight.sum() if weight.sum() > 0 else weight
    return Consensus(kept, distance, weight, weighted_mean(values, weight))


def weighted_mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean of ratings, (raters, n, 2), over the raters present at each time, (n, 2)."""
    present = ~np.isnan(values) & (weight > 0)[:, None, None]
    shares = np.where(present, weight[:, None, None], 0.0)
    total = shares.sum(axis=0)
    sums = (shares * np.where(present, values, 0.0)).sum(axis=0)
    mean: NDArray[np.float64] = np.full_like(sums, np.nan)
    np.divide(sums, total, out=mean, where=total > 0)
    return mean


def _distances(values: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean distance of each rater to the plain mean of the kept others; inf if undefined."""
    distances = np.full(len(values), np.inf)
    for rater, own in enumerate(values):
        others = kept.copy()
        others[rater] = False
        mean = weighted_mean(values, others.astype(np.float64))
        distance = np.sqrt(((own - mean) ** 2).sum(axis=1))
        if not np.isnan(distance).all():
            distances[rater] = np.nanmean(distance)
    return distances
