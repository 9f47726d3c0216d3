"""Plot a recording in the terminal: the plane, and both axes over the whole duration."""

from operator import attrgetter

import numpy as np

from streamer.outputs.recording.journal import COLUMNS, Row
from streamer.outputs.recording.reader import Recording, downsample
from streamer.outputs.terminal.canvas import AROUSAL, GREY, VALENCE, Canvas, shortened
from streamer.outputs.terminal.history import SPAN, Point, clock, signed
from streamer.outputs.terminal.plots import TRAIL, draw_plane, draw_trajectory

MIN_WIDTH, MIN_HEIGHT = 40, 14
"""Smallest size in cells."""

_AXES = (
    ("valence", VALENCE, attrgetter("valence", "valence_std")),
    ("arousal", AROUSAL, attrgetter("arousal", "arousal_std")),
)
_MIN_WIDTH_WITH_PLANE = 72
_ALMOST_ONE = 1 - 1e-9  # keeps the last point within the plot
_MAX_PATH_POINTS = 400


def draw_in_terminal(recording: Recording, width: int, height: int) -> Canvas:
    """Return a plot of `width` by `height` cells, or of the smallest size.

    In the plane the path goes from grey to colour and ends at a point with an ellipse of one
    standard deviation. In the charts silence is grey.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    canvas = Canvas(width, height)
    _draw_header(canvas, recording)
    left, rows = 1, height - 2
    if width >= _MIN_WIDTH_WITH_PLANE:
        high = rows - (rows + 1) % 2
        wide = min(2 * high - 1, width // 2)
        wide -= 1 - wide % 2
        draw_plane(canvas, 1, 2, wide, high, _points(recording, _MAX_PATH_POINTS, TRAIL), TRAIL)
        left += wide + 2
    _draw_charts(canvas, left, 2, width - 1 - left, rows, recording)
    return canvas


def _draw_header(canvas: Canvas, recording: Recording) -> None:
    x = canvas.text(1, 0, recording.zone, AROUSAL)
    silence = float(recording.columns["silence"].mean())
    facts = [f"{recording.started_at:%Y-%m-%d %H:%M:%S} UTC", clock(recording.duration)]
    if silence:
        facts.append(f"silent {silence:.0%}")
    end = canvas.text_right(canvas.width - 1, 0, "  ".join(facts), GREY)
    source = recording.metadata.get("source", "")
    canvas.text(x + 2, 0, shortened(source, end - 4 - x), GREY)
    canvas.text(1, 1, "─" * (canvas.width - 2), GREY)


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
        canvas.text(end + 2, y, f"mean {mean}, from {low} to {high}", GREY)
        draw_trajectory(canvas, x, y + 1, width, chart, points, SPAN * _ALMOST_ONE, value_of, style)
        y += chart + 1
    canvas.text(x + 3, y, "0:00", GREY)
    canvas.text_right(x + width, y, clock(recording.duration), GREY)


def _points(recording: Recording, max_points: int, span: float) -> list[Point]:
    """Return the downsampled trajectory, scaled in time to the last `span` seconds."""
    points = downsample(recording, max_points)
    times = points["elapsed"] / max(recording.duration, 1e-9) * span * _ALMOST_ONE
    columns = [points[name].tolist() for name in COLUMNS]
    silence = COLUMNS.index("silence")
    scaled = []
    for at, *values in zip(times.tolist(), *columns, strict=True):
        if np.isfinite(values).all():
            values[silence] = values[silence] > 0.5
            scaled.append(Point(at, Row(*values).to_update(), 0.0))
    return scaled
