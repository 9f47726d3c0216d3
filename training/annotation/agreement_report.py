"""HTML report of rater agreement, and of methods to filter and weight raters."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.annotation.consensus import CONSISTENCY_THRESHOLD, find_consensus, weighted_mean
from training.annotation.reliability import THRESHOLDS, LabelMethod, rater_agreement
from training.datasets.pieces import AXES, Ratings
from training.reports import AXIS_COLOURS, write_page

_TEMPLATE = Path(__file__).with_name("agreement_report.html.j2")
_EXAMPLES = 3


def write_agreement_report(
    ratings: list[Ratings], methods: list[LabelMethod], path: Path
) -> dict[str, Any]:
    """Write the HTML report; return its numbers."""
    agreement = rater_agreement(ratings)
    summary = {
        "pieces": len(ratings),
        "raters_per_piece": float(np.mean([len(one.raters) for one in ratings])),
        "agreement": agreement,
        "ways": {
            method.name: method.summary(methods[0], [one.name for one in ratings])
            for method in methods
        },
    }
    figures = {
        "distances": plot_distances(ratings),
        "reliability": plot_reliability(methods),
        "moved": plot_label_shift(ratings),
        "examples": plot_examples(ratings),
    }
    write_page(
        _TEMPLATE,
        path,
        figures,
        summary=summary,
        axes=AXES,
        threshold=CONSISTENCY_THRESHOLD,
    )
    return summary


def plot_distances(ratings: list[Ratings]) -> Figure:
    """Plot the distances of raters to the mean of the others, and the share within thresholds."""
    distances = np.concatenate([find_consensus(one, np.inf).distance for one in ratings])
    distances = distances[np.isfinite(distances)]
    figure = Figure(figsize=(9, 3.2))
    axes = figure.add_subplot()
    axes.hist(distances, bins=60, color="#bbbbbb")
    for threshold in THRESHOLDS[:-1]:
        axes.axvline(threshold, color="#b2182b", linewidth=0.8)
        share = f"{threshold:g}\n{(distances <= threshold).mean():.0%}"
        axes.text(threshold, axes.get_ylim()[1], share, ha="center", va="bottom", fontsize=8)
    axes.set(xlabel="mean distance in the plane to the other raters of a piece", ylabel="ratings")
    return figure


def plot_reliability(methods: list[LabelMethod]) -> Figure:
    """Plot the agreement of the labels of two halves of the raters, over and within pieces."""
    figure = Figure(figsize=(10, 0.5 * len(methods) + 1.2))
    places = np.arange(len(methods))[::-1]
    for column, (title, values) in enumerate(
        (
            ("over pieces", [method.between for method in methods]),
            ("within a piece", [method.within for method in methods]),
        )
    ):
        axes = figure.add_subplot(1, 2, column + 1)
        for k, axis in enumerate(AXES):
            found = [pair[k] for pair in values]
            axes.barh(places + 0.2 - 0.4 * k, found, 0.4, color=AXIS_COLOURS[axis], label=axis)
        axes.set(title=f"{title}: r of two halves of the raters")
        axes.set_yticks(
            places, [method.name for method in methods] if not column else [""] * len(methods)
        )
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def plot_label_shift(ratings: list[Ratings]) -> Figure:
    """Plot how weighting moves the mean label of each piece."""
    means = np.array([_piece_means(one) for one in ratings])  # (pieces, 2 means, 2 axes)
    figure = Figure(figsize=(5, 5))
    axes = figure.add_subplot()
    for plain, weighted in means:
        axes.plot(*np.array([plain, weighted]).T, color="#cccccc", linewidth=0.8, zorder=1)
    for place, (name, colour) in enumerate((("plain mean", "#444444"), ("weighted", "#e08214"))):
        axes.scatter(means[:, place, 0], means[:, place, 1], s=8, color=colour, label=name)
    axes.set(xlabel="valence", ylabel="arousal", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _piece_means(one: Ratings) -> list[NDArray[np.float64]]:
    return [np.nanmean(mean, axis=0) for mean in _means(one)]


def _means(one: Ratings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plain and weighted mean over raters at each time, (n, 2) each."""
    return weighted_mean(one.values, np.ones(len(one.raters))), find_consensus(one, np.inf).mean


def plot_examples(ratings: list[Ratings]) -> Figure:
    """Plot every rater of a few pieces, from best to least agreement, and both means."""
    order = sorted(ratings, key=lambda one: float(np.median(find_consensus(one, np.inf).distance)))
    chosen = [order[k] for k in np.linspace(0, len(order) - 1, _EXAMPLES).astype(int)]
    figure = Figure(figsize=(11, 2.4 * len(chosen)))
    for row, one in enumerate(chosen):
        plain, weighted = _means(one)
        for k, axis in enumerate(AXES):
            axes = figure.add_subplot(len(chosen), 2, 2 * row + k + 1)
            axes.plot(one.times, one.values[:, :, k].T, color="#dddddd", linewidth=0.6)
            axes.plot(one.times, plain[:, k], color="#444444", linewidth=1.2, label="plain mean")
            axes.plot(one.times, weighted[:, k], color=AXIS_COLOURS[axis], label="weighted")
            axes.set(ylim=(-1, 1), title=f"{one.name[:60]}: {axis}")
            axes.title.set_fontsize(8)
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure
