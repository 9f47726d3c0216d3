"""What filtering and weighing raters does to the labels: the reliability of each way, measured.

A filter that keeps those who agree raises the agreement of those it kept, whatever it is worth. So
each way is applied to two halves of the raters who know nothing of each other, and the labels that
the halves arrive at are compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.annotation.agreement import (
    intraclass_correlation,
    krippendorff_alpha,
    spearman_brown,
    split_half,
)
from training.annotation.consensus import CONSISTENT, agree, weighted_mean
from training.datasets.records import Ratings
from training.evaluation.metrics import bootstrap_interval
from training.evaluation.predict import AXES
from training.evaluation.tables import markdown_table

THRESHOLDS = (CONSISTENT, 0.35, 0.5, 0.7, np.inf)
Labels = NDArray[np.float64]
_AGREEMENT = (
    *("axis", "Krippendorff's alpha", "ICC(1,1)", "ICC(1,k)"),
    *("split half", "foretold for all (Spearman-Brown)"),
)
_EXPLAINED = """\
Labels of two halves of the raters, valence / arousal: their correlation over pieces and inside a
piece, and by how much the latter is above that of the plain mean (95 % bootstrap interval over
pieces):"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way from ratings to labels, and how reliable its labels are; pairs are of the axes.

    Attributes
    ----------
    name
        What is done.
    kept
        Share of the raters that is kept.
    spread
        Standard deviation over pieces of the mean label.
    between
        Correlation over pieces of the mean labels of two halves of the raters.
    within_pieces
        Correlation inside each piece of the labels of two halves, (pieces, 2).
    """

    name: str
    kept: float
    spread: tuple[float, float]
    between: tuple[float, float]
    within_pieces: Labels

    @property
    def within(self) -> tuple[float, float]:
        """Mean of `within_pieces`."""
        return _pair(np.nanmean(self.within_pieces, axis=0))

    def summary(self, plain: "Way", names: list[str]) -> dict[str, Any]:
        """Give all numbers, and by how much the labels are more reliable than the plain mean's.

        Parameters
        ----------
        plain
            The plain mean.
        names
            Of the pieces, over which the interval is.
        """
        gains = self.within_pieces - plain.within_pieces
        table: dict[str, Any] = {"kept": self.kept}
        for k, axis in enumerate(AXES):

            def gain(rows: NDArray[np.int64], axis: int = k) -> float:
                return float(np.nanmean(gains[rows, axis]))

            table[axis] = {
                "spread": self.spread[k],
                "between": self.between[k],
                "within": self.within[k],
                "above_plain": gain(np.arange(len(gains))),
                "interval": bootstrap_interval(gain, names),
            }
        return table


def raters_agreement(ratings: list[Ratings]) -> dict[str, dict[str, float]]:
    """Agreement on the mean of each piece, by axis.

    Krippendorff's alpha, ICC of one rating and of the mean, r of the means of two halves of the
    raters, and what that foretells for all of them.
    """
    most = max(len(one.raters) for one in ratings)
    table = {}
    for k, axis in enumerate(AXES):
        means = np.full((most, len(ratings)), np.nan)
        for column, one in enumerate(ratings):
            own = one.values[:, :, k]
            spoke = ~np.isnan(own).all(axis=1)
            means[: len(one.raters), column][spoke] = np.nanmean(own[spoke], axis=1)
        single, mean = intraclass_correlation(means)
        half = split_half(means, np.random.default_rng(0))
        table[axis] = {
            "alpha": krippendorff_alpha(means),
            "icc_1": single,
            "icc_k": mean,
            "half": half,
            "all": spearman_brown(half),
        }
    return table


def compare_ways(ratings: list[Ratings], rounds: int, seed: int = 0) -> list[Way]:
    """Measure the plain mean and consensuses of several thresholds, from strict to none.

    Parameters
    ----------
    ratings
        Pieces with several raters each.
    rounds
        How many random halvings are averaged over.
    seed
        Of the halvings, which are the same for every way.
    """
    ways = [_measure("plain mean", _plain, ratings, rounds, seed)]
    for threshold in THRESHOLDS:
        name = "weighed" if np.isinf(threshold) else f"within {threshold:g}, weighed"
        ways.append(_measure(name, _consensus(threshold), ratings, rounds, seed))
    return ways


def _plain(ratings: Ratings) -> tuple[Labels, float]:
    return weighted_mean(ratings.values, np.ones(len(ratings.raters))), 1.0


def _consensus(threshold: float) -> Callable[[Ratings], tuple[Labels, float]]:
    def labels(ratings: Ratings) -> tuple[Labels, float]:
        consensus = agree(ratings, threshold)
        return consensus.mean, float(consensus.kept.mean())

    return labels


def _measure(
    name: str,
    labels: Callable[[Ratings], tuple[Labels, float]],
    ratings: list[Ratings],
    rounds: int,
    seed: int,
) -> Way:
    random = np.random.default_rng(seed)
    whole = [labels(one) for one in ratings]
    between, within = [], []
    for _ in range(rounds):
        halves = [[labels(half)[0] for half in _halves(one, random)] for one in ratings]
        means = np.array([[np.nanmean(half, axis=0) for half in pair] for pair in halves])
        between.append([_r(means[:, 0, k], means[:, 1, k]) for k in range(2)])
        inside = [[_r(one[:, k], other[:, k]) for k in range(2)] for one, other in halves]
        within.append(inside)
    means = np.array([np.nanmean(one, axis=0) for one, _ in whole])
    return Way(
        name,
        float(np.mean([kept for _, kept in whole])),
        _pair(means.std(axis=0)),
        _pair(np.mean(between, axis=0)),
        np.nanmean(within, axis=0),
    )


def _halves(ratings: Ratings, random: np.random.Generator) -> list[Ratings]:
    order = random.permutation(len(ratings.raters))
    middle = len(order) // 2
    return [
        replace(
            ratings,
            raters=tuple(ratings.raters[k] for k in half),
            values=ratings.values[half],
        )
        for half in (order[:middle], order[middle:])
    ]


def _r(one: Labels, other: Labels) -> float:
    known = ~np.isnan(one) & ~np.isnan(other)
    one, other = one[known], other[known]
    if len(one) < 2 or not (np.std(one) > 1e-9 and np.std(other) > 1e-9):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def markdown(ratings: list[Ratings], ways: list[Way]) -> str:
    """Write agreement and ways as tables in Markdown."""
    raters = np.mean([len(one.raters) for one in ratings])
    agreement = [
        [axis, *(f"{one[key]:.2f}" for key in ("alpha", "icc_1", "icc_k", "half", "all"))]
        for axis, one in raters_agreement(ratings).items()
    ]
    names = [one.name for one in ratings]
    rows = []
    for way in ways:
        summary = way.summary(ways[0], names)
        pairs = [f"{a:.2f} / {b:.2f}" for a, b in (way.spread, way.between, way.within)]
        gains = " / ".join(_gain(summary[axis]) for axis in AXES)
        rows.append([way.name, f"{way.kept:.2f}", *pairs, gains])
    return "\n\n".join(
        (
            f"{len(ratings)} pieces, {raters:.1f} raters each. Agreement on the mean of a piece:",
            markdown_table(_AGREEMENT, agreement),
            _EXPLAINED,
            markdown_table(
                ("way", "raters kept", "spread", "over pieces", "inside", "above the plain mean"),
                rows,
            ),
        )
    )


def _gain(one: dict[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['above_plain']:+.3f} ({low:+.3f} to {high:+.3f})"
