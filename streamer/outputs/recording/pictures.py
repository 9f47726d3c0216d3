"""A long trajectory in as many points as a picture has room for.

A recording as a picture in a file. Needs matplotlib, of the extra `record`.

A recording in the terminal: the plane, and both axes over the whole length.
"""

from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from streamer.errors import UsageError
from streamer.outputs.recording.journal import COLUMNS, Row
from streamer.outputs.recording.reader import Recording
from streamer.outputs.terminal import canvas as palette
from streamer.outputs.terminal.canvas import Canvas, shortened
from streamer.outputs.terminal.history import SPAN, Point, clock, signed
from streamer.outputs.terminal.plots import TRAIL, draw_plane, draw_trajectory

Points = dict[str, NDArray[np.float64]]
"""Columns of a recording by their names, as floats, and `seconds` since its beginning."""


def downsample(recording: Recording, most: int) -> Points:
    """Return the means of equally many rows each, at most so many points.

    A recording that has no more rows is returned as it is.
    """
    columns: dict[str, NDArray[Any]] = {"seconds": recording.elapsed}
    columns |= {name: recording.columns[name] for name in COLUMNS}
    points = min(most, len(recording))
    starts = np.arange(points) * len(recording) // points
    counts = np.diff(starts, append=len(recording))
    return {
        name: np.add.reduceat(values.astype(np.float64), starts) / counts
        for name, values in columns.items()
    }


def insert_gaps(points: Points) -> Points:
    """Return the points with one that is not a number wherever nothing was recorded for a while.

    A line through them is interrupted there.
    """
    steps = np.diff(points["seconds"])
    if not len(steps):
        return points
    after = np.flatnonzero(steps > max(1.0, 3 * float(np.median(steps)))) + 1
    return {name: np.insert(values, after, np.nan) for name, values in points.items()}


FORMATS = (".png", ".svg", ".pdf")
"""Suffixes of the files that can be written."""

_POINTS, _POINTS_OF_PATH = 2000, 800
_SIZE = (12.0, 5.4)  # inches
_DPI = 150
_VALENCE, _AROUSAL, _LEVEL, _GREY = "#a764d6", "#1b98a3", "#5b6470", "#8a9099"
_FRAME = "#bbbbbb"
_MAP = "viridis"
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # s between marks
_MARKS = 8
_WORDS = (("tense", -1, 1), ("excited", 1, 1), ("sad", -1, -1), ("calm", 1, -1))


def write_figure(recording: Recording, output: Path) -> None:
    """Draw valence, arousal and level over time, and the path through the plane.

    Raises
    ------
    UsageError
        The suffix of `output` is none of `FORMATS`, or it cannot be written.
    """
    if output.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot draw {output}; give a name that ends with {', '.join(FORMATS)}")
    figure = draw_figure(recording)
    try:
        figure.savefig(output, dpi=_DPI)
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}; choose another --output"
        ) from None


def draw_figure(recording: Recording) -> Figure:
    """Return the picture; bands and ellipses are one standard deviation, silence is grey."""
    points = insert_gaps(downsample(recording, _POINTS))
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
        _tidy(axes)
    for axes in (valence, arousal):
        axes.tick_params(labelbottom=False)
    level.set_xlabel("time (min:s)")
    level.set_xlim(0, max(recording.duration, 1.0))
    _tell_time(level.xaxis, recording.duration)
    figure.align_ylabels([valence, arousal, level])
    _draw_plane(
        figure, figure.add_subplot(grid[:, 1]), insert_gaps(downsample(recording, _POINTS_OF_PATH))
    )
    source = recording.metadata.get("source", "")
    title = f"{recording.zone} · {source} · {recording.started_at:%Y-%m-%d %H:%M} UTC"
    valence.set_title(title, fontsize=11, color="#333333", loc="left", pad=10)
    return figure


def _draw_axis(axes: Axes, points: Points, name: str, colour: str) -> None:
    seconds, values, spread = points["seconds"], points[name], points[f"{name}_std"]
    low, high = np.clip(values - spread, -1, 1), np.clip(values + spread, -1, 1)
    axes.fill_between(seconds, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(seconds, values, color=colour, linewidth=1.4)
    axes.axhline(0, color=_GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["-1", "", "0", "", "+1"])
    axes.set_ylabel(name, color=colour)


def _draw_level(axes: Axes, points: Points) -> None:
    axes.fill_between(points["seconds"], -80, points["level"], color=_LEVEL, alpha=0.45, lw=0)
    axes.set_ylim(-80, 0)
    axes.set_yticks([-80, -40, 0], ["-80", "-40", "0"])
    axes.set_ylabel("level (dBFS)", color=_LEVEL)


def _shade_silence(axes: Axes, points: Points) -> None:
    axes.fill_between(
        points["seconds"],
        0,
        1,
        where=points["silence"] > 0.5,
        transform=axes.get_xaxis_transform(),
        color=_GREY,
        alpha=0.22,
        linewidth=0,
    )


def _tidy(axes: Axes) -> None:
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FRAME)
    axes.tick_params(labelsize=8, color=_GREY)


def _draw_plane(figure: Figure, axes: Axes, points: Points) -> None:
    seconds, path = points["seconds"], np.column_stack([points["valence"], points["arousal"]])
    steps = np.stack([path[:-1], path[1:]], axis=1)  # (points - 1, 2 ends, 2 axes)
    whole = np.isfinite(steps).all(axis=(1, 2))
    last = float(np.nanmax(seconds))
    scale = Normalize(0, max(last, 1.0))
    lines = LineCollection(
        list(steps[whole]), cmap=_MAP, norm=scale, linewidths=1.3, alpha=0.9, capstyle="round"
    )
    lines.set_array(seconds[:-1][whole])
    axes.add_collection(lines)
    for when, marker in ((0, "o"), (-1, "s")):
        valence, arousal = path[when]
        axes.scatter([valence], [arousal], c=[seconds[when]], cmap=_MAP, norm=scale, marker=marker,
                     s=60, edgecolors="white", linewidths=1.5, zorder=3)  # fmt: skip
    for word, x, y in _WORDS:
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
    _tell_time(bar.ax.yaxis, last)
    bar.ax.tick_params(labelsize=8, color=_GREY)
    bar.outline.set_visible(False)
    bar.set_label("time: from circle to square", color=_GREY, fontsize=8)


def _tell_time(axis: Axis, length: float) -> None:
    """Mark an axis that is in seconds with minutes and seconds."""
    step = next((step for step in _STEPS if length / step <= _MARKS), _STEPS[-1])
    axis.set_major_locator(MultipleLocator(step))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))


LEAST_WIDTH, LEAST_HEIGHT = 40, 14
"""Size in cells below which nothing is drawn well."""

_AXES = (
    ("valence", palette.VALENCE, attrgetter("valence", "valence_std")),
    ("arousal", palette.AROUSAL, attrgetter("arousal", "arousal_std")),
)
_LEAST_WITH_PLANE = 72
_ALMOST = 1 - 1e-9  # the last moment is within the picture
_PATH = 400  # points of the path through the plane


def draw_in_terminal(recording: Recording, width: int, height: int) -> Canvas:
    """Return the picture, `width` by `height` cells.

    In the plane the path grows from grey to colour; it ends at the point, whose ellipse is one
    standard deviation. In the charts silence is grey.
    """
    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    canvas = Canvas(width, height)
    _draw_header(canvas, recording)
    left, rows = 1, height - 2
    if width >= _LEAST_WITH_PLANE:
        high = rows - (rows + 1) % 2
        wide = min(2 * high - 1, width // 2)
        wide -= 1 - wide % 2
        draw_plane(canvas, 1, 2, wide, high, _points(recording, _PATH, TRAIL), TRAIL)
        left += wide + 2
    _draw_charts(canvas, left, 2, width - 1 - left, rows, recording)
    return canvas


def _draw_header(canvas: Canvas, recording: Recording) -> None:
    x = canvas.text(1, 0, recording.zone, palette.AROUSAL)
    silent = float(recording.columns["silence"].mean())
    told = [f"{recording.started_at:%Y-%m-%d %H:%M:%S} UTC", clock(recording.duration)]
    if silent:
        told.append(f"silent {silent:.0%}")
    end = canvas.text_right(canvas.width - 1, 0, "  ".join(told), palette.GREY)
    source = recording.metadata.get("source", "")
    canvas.text(x + 2, 0, shortened(source, end - 4 - x), palette.GREY)
    canvas.text(1, 1, "─" * (canvas.width - 2), palette.GREY)


def _draw_charts(
    canvas: Canvas, x: int, y: int, width: int, height: int, recording: Recording
) -> None:
    chart = (height - 3) // 2
    chart -= 1 - chart % 2
    points = _points(recording, 2 * width, SPAN)
    for name, style, value_of in _AXES:
        values = recording.columns[name]
        low, mean, high = map(signed, (values.min(), values.mean(), values.max()))
        end = canvas.text(x, y, name, style)
        canvas.text(end + 2, y, f"mean {mean}, from {low} to {high}", palette.GREY)
        draw_trajectory(canvas, x, y + 1, width, chart, points, SPAN * _ALMOST, value_of, style)
        y += chart + 1
    canvas.text(x + 3, y, "0:00", palette.GREY)
    canvas.text_right(x + width, y, clock(recording.duration), palette.GREY)


def _points(recording: Recording, most: int, span: float) -> list[Point]:
    """Return the trajectory as if it had taken `span` seconds that end now."""
    points = downsample(recording, most)
    seen = points["seconds"] / max(recording.duration, 1e-9) * span * _ALMOST
    columns = [points[name].tolist() for name in COLUMNS]
    silent = COLUMNS.index("silence")
    found = []
    for when, *values in zip(seen.tolist(), *columns, strict=True):
        if np.isfinite(values).all():
            values[silent] = values[silent] > 0.5
            found.append(Point(when, Row(*values).to_update(), 0.0))
    return found
