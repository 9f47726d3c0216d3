"""Inter-rater agreement with missing ratings: Krippendorff's alpha, ICC, split-half reliability.

Every function takes ratings of one quantity, (raters, units), NaN where one is missing, and returns
NaN if it is undefined: for one rater, one unit, or constant ratings.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def krippendorff_alpha(ratings: Matrix) -> float:
    """Krippendorff's alpha for interval data: 1 is full agreement, 0 is chance.

    alpha = 1 - D_o / D_e, where D_o is the mean squared difference of ratings of the same unit,
    each unit weighted by its ratings, and D_e that of all ratings. Units with one rating are left
    out. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
    """
    counts = (~np.isnan(ratings)).sum(axis=0)
    paired = ratings[:, counts > 1]
    values = paired[~np.isnan(paired)]
    if not values.size or not values.var() > 0:
        return float("nan")
    within = np.nanvar(paired, axis=0, ddof=1) * counts[counts > 1]
    return float(1.0 - within.sum() / len(values) / values.var(ddof=1))


def intraclass_correlation(ratings: Matrix) -> tuple[float, float]:
    """ICC(1,1) of a single rating, and ICC(1,k) of the mean of the raters of a unit.

    From a one-way analysis of variance, because raters may differ from unit to unit. If their
    numbers differ, k is k0 = (N - sum n_i^2 / N) / (units - 1).
    Shrout and Fleiss, "Intraclass correlations", 1979.
    """
    counts = (~np.isnan(ratings)).sum(axis=0)
    rated, counts = ratings[:, counts > 0], counts[counts > 0]
    units, total = len(counts), int(counts.sum())
    if units < 2 or total <= units:
        return float("nan"), float("nan")
    means = np.nanmean(rated, axis=0)
    between = (counts * (means - np.nansum(rated) / total) ** 2).sum() / (units - 1)
    within = np.nansum((rated - means) ** 2) / (total - units)
    k0 = (total - (counts**2).sum() / total) / (units - 1)
    if not between + within > 0:
        return float("nan"), float("nan")
    single = (between - within) / (between + (k0 - 1) * within)
    mean = (between - within) / between if between > 0 else float("nan")
    return float(single), float(mean)


def split_half(ratings: Matrix, random: np.random.Generator, rounds: int = 50) -> float:
    """Mean Pearson r between the means of two halves of the raters, over random splits.

    This is the reliability of the mean of half the raters; `spearman_brown` extrapolates to all.
    """
    raters = len(ratings)
    if raters < 2:
        return float("nan")
    values = []
    for _ in range(rounds):
        order = random.permutation(raters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # units without a rating in one half
            one, other = (
                np.nanmean(ratings[half], axis=0)
                for half in (order[: raters // 2], order[raters // 2 :])
            )
        both = ~np.isnan(one) & ~np.isnan(other)
        if both.sum() > 1 and one[both].std() > 0 and other[both].std() > 0:
            values.append(np.corrcoef(one[both], other[both])[0, 1])
    return float(np.mean(values)) if values else float("nan")


def spearman_brown(reliability: float, times: float = 2.0) -> float:
    """Predict the reliability of `times` as many raters (Spearman, Brown, 1910)."""
    return times * reliability / (1.0 + (times - 1.0) * reliability)
