"""Raters as one HTML file: how well they agree, and what filtering and weighing them does."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.annotation.consensus import CONSISTENT, agree, weighted_mean
from training.annotation.reliability import THRESHOLDS, Way, raters_agreement
from training.datasets.records import Ratings
from training.evaluation.page import write_page
from training.evaluation.predict import AXES

_TEMPLATE = Path(__file__).with_name("agreement.html.j2")
_COLOURS = {"valence": "#b2182b", "arousal": "#2166ac"}
_EXAMPLES = 3


def write_agreement(ratings: list[Ratings], ways: list[Way], path: Path) -> dict[str, Any]:
    """Write tables and pictures to `path`; give the numbers."""
    agreement = raters_agreement(ratings)
    summary = {
        "pieces": len(ratings),
        "raters_per_piece": float(np.mean([len(one.raters) for one in ratings])),
        "agreement": agreement,
        "ways": {way.name: way.summary(ways[0], [one.name for one in ratings]) for way in ways},
    }
    figures = {
        "distances": distances(ratings),
        "reliability": reliabilities(ways),
        "moved": moved(ratings),
        "examples": examples(ratings),
    }
    write_page(
        _TEMPLATE,
        path,
        figures,
        summary=summary,
        axes=AXES,
        threshold=CONSISTENT,
    )
    return summary


def distances(ratings: list[Ratings]) -> Figure:
    """Draw how far raters are from the mean of the others, and the share within each threshold."""
    apart = np.concatenate([agree(one, np.inf).distance for one in ratings])
    apart = apart[np.isfinite(apart)]
    figure = Figure(figsize=(9, 3.2))
    axes = figure.add_subplot()
    axes.hist(apart, bins=60, color="#bbbbbb")
    for threshold in THRESHOLDS[:-1]:
        axes.axvline(threshold, color="#b2182b", linewidth=0.8)
        share = f"{threshold:g}\n{(apart <= threshold).mean():.0%}"
        axes.text(threshold, axes.get_ylim()[1], share, ha="center", va="bottom", fontsize=8)
    axes.set(xlabel="mean distance in the plane to the other raters of a piece", ylabel="ratings")
    return figure


def reliabilities(ways: list[Way]) -> Figure:
    """Draw how well the labels of two halves of the raters agree, over pieces and inside them."""
    figure = Figure(figsize=(10, 0.5 * len(ways) + 1.2))
    places = np.arange(len(ways))[::-1]
    for column, (title, values) in enumerate(
        (
            ("over pieces", [way.between for way in ways]),
            ("inside a piece", [way.within for way in ways]),
        )
    ):
        axes = figure.add_subplot(1, 2, column + 1)
        for k, axis in enumerate(AXES):
            found = [pair[k] for pair in values]
            axes.barh(places + 0.2 - 0.4 * k, found, 0.4, color=_COLOURS[axis], label=axis)
        axes.set(title=f"{title}: r of two halves of the raters")
        axes.set_yticks(places, [way.name for way in ways] if not column else [""] * len(ways))
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def moved(ratings: list[Ratings]) -> Figure:
    """Draw where weighing moves the mean label of each piece."""
    means = np.array([_plain_and_weighed(one) for one in ratings])  # (pieces, 2 means, 2 axes)
    figure = Figure(figsize=(5, 5))
    axes = figure.add_subplot()
    for plain, weighed in means:
        axes.plot(*np.array([plain, weighed]).T, color="#cccccc", linewidth=0.8, zorder=1)
    for place, (name, colour) in enumerate((("plain mean", "#444444"), ("weighed", "#e08214"))):
        axes.scatter(means[:, place, 0], means[:, place, 1], s=8, color=colour, label=name)
    axes.set(xlabel="valence", ylabel="arousal", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _plain_and_weighed(one: Ratings) -> list[NDArray[np.float64]]:
    return [np.nanmean(mean, axis=0) for mean in _means(one)]


def _means(one: Ratings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plain and weighed mean over raters at each time, (n, 2) each."""
    return weighted_mean(one.values, np.ones(len(one.raters))), agree(one, np.inf).mean


def examples(ratings: list[Ratings]) -> Figure:
    """Draw every rater of a few pieces, from the best agreed to the least, and both means."""
    order = sorted(ratings, key=lambda one: float(np.median(agree(one, np.inf).distance)))
    chosen = [order[k] for k in np.linspace(0, len(order) - 1, _EXAMPLES).astype(int)]
    figure = Figure(figsize=(11, 2.4 * len(chosen)))
    for row, one in enumerate(chosen):
        plain, weighed = _means(one)
        for k, axis in enumerate(AXES):
            axes = figure.add_subplot(len(chosen), 2, 2 * row + k + 1)
            axes.plot(one.times, one.values[:, :, k].T, color="#dddddd", linewidth=0.6)
            axes.plot(one.times, plain[:, k], color="#444444", linewidth=1.2, label="plain mean")
            axes.plot(one.times, weighed[:, k], color=_COLOURS[axis], label="weighed")
            axes.set(ylim=(-1, 1), title=f"{one.name[:60]}: {axis}")
            axes.title.set_fontsize(8)
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure
