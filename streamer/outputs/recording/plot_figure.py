"""Plot a recording to an image file; needs matplotlib, of the extra `record`."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from streamer.errors import UsageError
from streamer.outputs.recording.reader import Recording, downsample
from streamer.outputs.terminal.history import clock

Points = dict[str, NDArray[np.float64]]
"""Columns of a recording by name, and `elapsed` in seconds."""

FORMATS = (".png", ".svg", ".pdf")
"""Supported suffixes."""

_MAX_POINTS, _MAX_PATH_POINTS = 2000, 800
_SIZE = (12.0, 5.4)  # inches
_DPI = 150
_VALENCE, _AROUSAL, _LEVEL, _GREY = "#a764d6", "#1b98a3", "#5b6470", "#8a9099"
_FRAME = "#bbbbbb"
_COLORMAP = "viridis"
_TICK_STEPS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
)  # s
_MAX_TICKS = 8
_QUADRANT_LABELS = (("tense", -1, 1), ("excited", 1, 1), ("sad", -1, -1), ("calm", 1, -1))


def write_figure(recording: Recording, output: Path) -> None:
    """Plot valence, arousal and level over time, and the path through the plane.

    Raises
    ------
    UsageError
        The suffix of `output` is not one of `FORMATS`, or the file cannot be written.
    """
    if output.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write {output}: unknown format; use one of {', '.join(FORMATS)}")
    figure = draw_figure(recording)
    try:
        figure.savefig(output, dpi=_DPI)
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}; choose another --output"
        ) from None


def draw_figure(recording: Recording) -> Figure:
    """Return the figure; bands are one standard deviation, silence is grey."""
    points = insert_gaps(downsample(recording, _MAX_POINTS))
    figure = Figure(figsize=_SIZE, layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=(1.3, 1), height_ratios=(3, 3, 1.5))
    valence = figure.add_subplot(grid[0, 0])
    arousal = figure.add_subplot(grid[1, 0], sharex=valence)
    level = figure.add_subplot(grid[2, 0], sharex=valence)
    _draw_axis(valence, points, "valence", _VALENCE)
    _draw_axis(arousal, points, "arousal", _AROUSAL)
    _draw_level(level, points)
    for axes in (valence, arousal, level):
        _shade_silence(axes, points)
        _style_axes(axes)
    for axes in (valence, arousal):
        axes.tick_params(labelbottom=False)
    level.set_xlabel("time (min:s)")
    level.set_xlim(0, max(recording.duration, 1.0))
    _format_time_axis(level.xaxis, recording.duration)
    figure.align_ylabels([valence, arousal, level])
    _draw_plane(
        figure, figure.add_subplot(grid[:, 1]), insert_gaps(downsample(recording, _MAX_PATH_POINTS))
    )
    source = recording.metadata.get("source", "")
    title = f"{recording.zone} · {source} · {recording.started_at:%Y-%m-%d %H:%M} UTC"
    valence.set_title(title, fontsize=11, color="#333333", loc="left", pad=10)
    return figure


def _draw_axis(axes: Axes, points: Points, name: str, colour: str) -> None:
    elapsed, values, std = points["elapsed"], points[name], points[f"{name}_std"]
    low, high = np.clip(values - std, -1, 1), np.clip(values + std, -1, 1)
    axes.fill_between(elapsed, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(elapsed, values, color=colour, linewidth=1.4)
    axes.axhline(0, color=_GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["-1", "", "0", "", "+1"])
    axes.set_ylabel(name, color=colour)


def _draw_level(axes: Axes, points: Points) -> None:
    axes.fill_between(points["elapsed"], -80, points["level"], color=_LEVEL, alpha=0.45, lw=0)
    axes.set_ylim(-80, 0)
    axes.set_yticks([-80, -40, 0], ["-80", "-40", "0"])
    axes.set_ylabel("level (dBFS)", color=_LEVEL)


def _shade_silence(axes: Axes, points: Points) -> None:
    axes.fill_between(
        points["elapsed"],
        0,
        1,
        where=points["silence"] > 0.5,
        transform=axes.get_xaxis_transform(),
        color=_GREY,
        alpha=0.22,
        linewidth=0,
    )


def _style_axes(axes: Axes) -> None:
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FRAME)
    axes.tick_params(labelsize=8, color=_GREY)


def _draw_plane(figure: Figure, axes: Axes, points: Points) -> None:
    seconds, path = points["elapsed"], np.column_stack([points["valence"], points["arousal"]])
    segments = np.stack([path[:-1], path[1:]], axis=1)  # (points - 1, 2 ends, 2 axes)
    finite = np.isfinite(segments).all(axis=(1, 2))
    last = float(np.nanmax(seconds))
    scale = Normalize(0, max(last, 1.0))
    lines = LineCollection(
        list(segments[finite]),
        cmap=_COLORMAP,
        norm=scale,
        linewidths=1.3,
        alpha=0.9,
        capstyle="round",
    )
    lines.set_array(seconds[:-1][finite])
    axes.add_collection(lines)
    for end, marker in ((0, "o"), (-1, "s")):
        valence, arousal = path[end]
        axes.scatter([valence], [arousal], c=[seconds[end]], cmap=_COLORMAP, norm=scale,
                     marker=marker, s=60, edgecolors="white", linewidths=1.5, zorder=3)  # fmt: skip
    for word, x, y in _QUADRANT_LABELS:
        axes.text(0.94 * x, 0.93 * y, word, ha="left" if x < 0 else "right", va="center",
                  color=_GREY, fontsize=9)  # fmt: skip
    for line in (axes.axhline, axes.axvline):
        line(0, color=_GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_xticks([-1, 0, 1], ["-1", "0", "+1"])
    axes.set_yticks([-1, 0, 1], ["-1", "0", "+1"])
    axes.set_xlabel("valence", color=_VALENCE)
    axes.set_ylabel("arousal", color=_AROUSAL, labelpad=-6)
    axes.tick_params(labelsize=8, color=_GREY)
    for spine in axes.spines.values():
        spine.set_color(_FRAME)
    bar = figure.colorbar(lines, ax=axes, shrink=0.6, aspect=30, pad=0.02)
    _format_time_axis(bar.ax.yaxis, last)
    bar.ax.tick_params(labelsize=8, color=_GREY)
    bar.outline.set_visible(False)
    bar.set_label("time: from circle to square", color=_GREY, fontsize=8)


def _format_time_axis(axis: Axis, duration: float) -> None:
    """Label an axis in seconds with minutes and seconds."""
    step = next((step for step in _TICK_STEPS if duration / step <= _MAX_TICKS), _TICK_STEPS[-1])
    axis.set_major_locator(MultipleLocator(step))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))


def insert_gaps(points: Points) -> Points:
    """Insert NaN wherever nothing was recorded for a while, so that a line is interrupted."""
    steps = np.diff(points["elapsed"])
    if not len(steps):
        return points
    gaps = np.flatnonzero(steps > max(1.0, 3 * float(np.median(steps)))) + 1
    return {name: np.insert(values, gaps, np.nan) for name, values in points.items()}
