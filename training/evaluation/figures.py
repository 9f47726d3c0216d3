"""Figures of an evaluation: scores, calibration, trajectories, attention, fits."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from damer.nn import DAMER
from training.datasets import AXES
from training.evaluation.attention import DIRECTIONS
from training.evaluation.smoothing import COVERAGE
from training.predict import Trajectory
from training.reports import AXIS_COLOURS

_LABEL_COLOUR = "#444444"


def score_bars(dataset: str, table: dict[str, Any]) -> Figure:
    """Plot the CCC of every baseline and of the network, with its interval over pieces."""
    figure = Figure(figsize=(8, 0.45 * len(table["ladder"]) + 1.2))
    for place, axis in enumerate(AXES):
        axes = figure.add_subplot(1, 2, place + 1)
        names = [*table["ladder"], "DAMER"]
        values = [one[axis]["ccc"] for one in (*table["ladder"].values(), table["damer"])]
        colours = ["#bbbbbb"] * len(table["ladder"]) + [AXIS_COLOURS[axis]]
        axes.barh(names, values, color=colours)
        low, high = table["interval"][axis]["pieces"]
        axes.plot([low, high], ["DAMER", "DAMER"], color="black")
        axes.set(title=f"{dataset}: {axis}", xlabel="CCC", xlim=(min(0, *values), 1))
        if place:
            axes.set_yticklabels([])
    return figure


def plane(dataset: str, table: dict[str, Any]) -> Figure:
    """Plot predictions against labels, and both in the valence/arousal plane, one line a piece."""
    labels = np.array([one["label"] for one in table["pieces"].values()])
    ours = np.array([np.mean(one["damer"], axis=0) for one in table["pieces"].values()])
    figure = Figure(figsize=(12, 4))
    for k, axis in enumerate(AXES):
        axes = figure.add_subplot(1, 3, k + 1)
        axes.axline((0, 0), slope=1, color="#cccccc")
        axes.scatter(labels[:, k], ours[:, k], s=10, color=AXIS_COLOURS[axis])
        axes.set(title=f"{dataset}: {axis}", xlabel="label", ylabel="estimate")
        axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes = figure.add_subplot(1, 3, 3)
    for label, prediction in zip(labels, ours, strict=True):
        axes.plot(*np.array([label, prediction]).T, color="#dddddd", linewidth=0.6, zorder=1)
    for points, colour, name in ((labels, _LABEL_COLOUR, "label"), (ours, "#e08214", "estimate")):
        axes.scatter(points[:, 0], points[:, 1], s=8, color=colour, label=name)
    axes.set(xlabel="valence", ylabel="arousal", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def calibration(dataset: str, paths: list[Trajectory]) -> Figure:
    """Plot the share of labels inside intervals of any nominal share, for raw predictions."""
    from scipy.stats import norm

    figure = Figure(figsize=(4.5, 4))
    axes = figure.add_subplot()
    nominal = np.linspace(0.02, 0.99, 50)
    ratio = np.concatenate([np.abs(path.mean - path.labels()) / path.std for path in paths])
    for k, axis in enumerate(AXES):
        observed = [(ratio[:, k] <= norm.ppf(0.5 + share / 2)).mean() for share in nominal]
        axes.plot(nominal, observed, color=AXIS_COLOURS[axis], label=axis)
    axes.axline((0, 0), slope=1, color="#cccccc")
    axes.set(title=f"{dataset}: calibration", xlabel="stated", ylabel="found", aspect="equal")
    axes.legend()
    return figure


def trajectories(title: str, paths: list[Trajectory]) -> Figure:
    """Plot predictions over time with their 80 % interval, and the labels, one row a piece."""
    figure = Figure(figsize=(11, 2.2 * len(paths)))
    figure.suptitle(title)
    for row, path in enumerate(paths):
        for k, axis in enumerate(AXES):
            axes = figure.add_subplot(len(paths), 2, 2 * row + k + 1)
            mean, half = path.mean[:, k], COVERAGE["80"] * path.std[:, k]
            axes.fill_between(
                path.times, mean - half, mean + half, color=AXIS_COLOURS[axis], alpha=0.15
            )
            axes.plot(path.times, mean, color=AXIS_COLOURS[axis], linewidth=0.8)
            axes.plot(path.times, path.labels()[:, k], color=_LABEL_COLOUR, linewidth=1.2)
            axes.set(ylim=(-1, 1), title=f"{path.piece.name[:60]}: {axis}")
            axes.title.set_fontsize(8)
    figure.tight_layout()
    return figure


def attention(title: str, network: DAMER, mel: torch.Tensor, cochleagram: torch.Tensor) -> Figure:
    """Plot both views of one window, (1, bands, T), and the attention maps between them."""
    with torch.inference_mode():
        maps = network.attention_maps(mel, cochleagram)
    figure = Figure(figsize=(12, 3.0 + 2.6 * len(maps)))
    grid = figure.add_gridspec(1 + len(maps), 2)
    for column, (name, view) in enumerate((("Mel", mel), ("cochleagram", cochleagram))):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(view[0].numpy(), origin="lower", aspect="auto", cmap="magma")
        axes.set(title=f"{title}: {name}", xlabel="frame", ylabel="band")
    for row, layer in enumerate(maps):
        for column, (name, weights) in enumerate(zip(DIRECTIONS, layer, strict=True)):
            axes = figure.add_subplot(grid[row + 1, column])
            mean: NDArray[np.float32] = weights[0].mean(dim=0).numpy()
            axes.imshow(mean, origin="lower", aspect="auto", cmap="viridis")
            axes.set(title=f"layer {row + 1}: {name}", xlabel="context token", ylabel="query token")
    figure.tight_layout()
    return figure


def fits(results: list[Any]) -> Figure:
    """Plot the validation score of every fit over its steps."""
    figure = Figure(figsize=(6, 3.5))
    axes = figure.add_subplot()
    for one in results:
        for step, history in zip(one.steps, one.histories, strict=True):
            axes.plot(*zip(*history, strict=True), color="#888888", linewidth=0.8)
            axes.plot([step], [dict(history)[step]], "o", color="black", markersize=3)
    axes.set(xlabel="step", ylabel="validation: mean CCC", title="fits, and the chosen steps")
    return figure
