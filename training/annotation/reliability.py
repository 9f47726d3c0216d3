"""Measure how reliable labels are with different ways to filter and weight raters.

A filter that keeps raters who agree raises the agreement of those it kept in any case. So each
method is applied to two independent halves of the raters, and the labels of the halves are
compared.
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
from training.annotation.consensus import CONSISTENCY_THRESHOLD, find_consensus, weighted_mean
from training.datasets.pieces import AXES, Ratings
from training.metrics import bootstrap_interval
from training.reports import markdown_table

THRESHOLDS = (CONSISTENCY_THRESHOLD, 0.35, 0.5, 0.7, np.inf)
Labels = NDArray[np.float64]
_AGREEMENT_HEAD = (
    *("axis", "Krippendorff's alpha", "ICC(1,1)", "ICC(1,k)"),
    *("split half", "predicted for all (Spearman-Brown)"),
)
_EXPLANATION = """\
Labels of two halves of the raters, valence / arousal: their correlation over pieces and within
pieces, and the difference of the latter to that of the plain mean (95 % bootstrap interval over
pieces):"""


@dataclass(frozen=True, slots=True)
class LabelMethod:
    """One method to aggregate ratings into labels, and its reliability; pairs are of the axes.

    Attributes
    ----------
    name
        Name in reports.
    kept
        Share of the raters that is kept.
    spread
        Standard deviation of the mean label over pieces.
    between
        Correlation over pieces of the mean labels of two halves of the raters.
    within_pieces
        Correlation within each piece of the labels of two halves, (pieces, 2).
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

    def summary(self, plain: "LabelMethod", names: list[str]) -> dict[str, Any]:
        """Collect all numbers, and the difference in reliability to the plain mean.

        Parameters
        ----------
        plain
            Method of the plain mean.
        names
            Names of the pieces, for the interval.
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


def rater_agreement(ratings: list[Ratings]) -> dict[str, dict[str, float]]:
    """Agreement on the mean rating of each piece, by axis.

    Krippendorff's alpha, ICC of one rating and of the mean, split-half r, and its Spearman-Brown
    prediction for all raters.
    """
    most = max(len(one.raters) for one in ratings)
    table = {}
    for k, axis in enumerate(AXES):
        means = np.full((most, len(ratings)), np.nan)
        for column, one in enumerate(ratings):
            own = one.values[:, :, k]
            present = ~np.isnan(own).all(axis=1)
            means[: len(one.raters), column][present] = np.nanmean(own[present], axis=1)
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


def compare_label_methods(ratings: list[Ratings], rounds: int, seed: int = 0) -> list[LabelMethod]:
    """Measure the plain mean, and consensus with thresholds from strict to none.

    Parameters
    ----------
    ratings
        Pieces with several raters each.
    rounds
        Number of random splits into halves to average over.
    seed
        Seed of the splits, which are the same for every method.
    """
    methods = [_measure("plain mean", _plain, ratings, rounds, seed)]
    for threshold in THRESHOLDS:
        name = "weighed" if np.isinf(threshold) else f"within {threshold:g}, weighed"
        methods.append(_measure(name, _consensus(threshold), ratings, rounds, seed))
    return methods


def _plain(ratings: Ratings) -> tuple[Labels, float]:
    return weighted_mean(ratings.values, np.ones(len(ratings.raters))), 1.0


def _consensus(threshold: float) -> Callable[[Ratings], tuple[Labels, float]]:
    def labels(ratings: Ratings) -> tuple[Labels, float]:
        consensus = find_consensus(ratings, threshold)
        return consensus.mean, float(consensus.kept.mean())

    return labels


def _measure(
    name: str,
    labels: Callable[[Ratings], tuple[Labels, float]],
    ratings: list[Ratings],
    rounds: int,
    seed: int,
) -> LabelMethod:
    random = np.random.default_rng(seed)
    full = [labels(one) for one in ratings]
    between, within = [], []
    for _ in range(rounds):
        halves = [[labels(half)[0] for half in _halves(one, random)] for one in ratings]
        means = np.array([[np.nanmean(half, axis=0) for half in pair] for pair in halves])
        between.append([_correlation(means[:, 0, k], means[:, 1, k]) for k in range(2)])
        inside = [[_correlation(one[:, k], other[:, k]) for k in range(2)] for one, other in halves]
        within.append(inside)
    means = np.array([np.nanmean(one, axis=0) for one, _ in full])
    return LabelMethod(
        name,
        float(np.mean([kept for _, kept in full])),
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


def _correlation(one: Labels, other: Labels) -> float:
    present = ~np.isnan(one) & ~np.isnan(other)
    one, other = one[present], other[present]
    if len(one) < 2 or not (np.std(one) > 1e-9 and np.std(other) > 1e-9):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def agreement_markdown(ratings: list[Ratings], methods: list[LabelMethod]) -> str:
    """Format agreement and methods as Markdown tables."""
    raters = np.mean([len(one.raters) for one in ratings])
    agreement = [
        [axis, *(f"{one[key]:.2f}" for key in ("alpha", "icc_1", "icc_k", "half", "all"))]
        for axis, one in rater_agreement(ratings).items()
    ]
    names = [one.name for one in ratings]
    rows = []
    for method in methods:
        summary = method.summary(methods[0], names)
        columns = (method.spread, method.between, method.within)
        pairs = [f"{valence:.2f} / {arousal:.2f}" for valence, arousal in columns]
        gains = " / ".join(_gain(summary[axis]) for axis in AXES)
        rows.append([method.name, f"{method.kept:.2f}", *pairs, gains])
    return "\n\n".join(
        (
            f"{len(ratings)} pieces, {raters:.1f} raters each. Agreement on the mean of a piece:",
            markdown_table(_AGREEMENT_HEAD, agreement),
            _EXPLANATION,
            markdown_table(
                (
                    "method",
                    "raters kept",
                    "spread",
                    "over pieces",
                    "within",
                    "above the plain mean",
                ),
                rows,
            ),
        )
    )


def _gain(one: dict[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['above_plain']:+.3f} ({low:+.3f} to {high:+.3f})"
