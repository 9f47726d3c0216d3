"""A recording in the terminal: the plane, and both axes over the whole length."""

from operator import attrgetter

import numpy as np

from streamer.outputs import palette
from streamer.outputs.canvas import Canvas, shortened
from streamer.outputs.charts import draw_trajectory
from streamer.outputs.history import SPAN, Point, clock, signed
from streamer.outputs.plane import TRAIL, draw_plane
from streamer.outputs.recording.reader import Recording
from streamer.outputs.recording.row import COLUMNS, Row
from streamer.outputs.recording.thin import thin

LEAST_WIDTH, LEAST_HEIGHT = 40, 14
"""Size in cells below which nothing is drawn well."""

_AXES = (
    ("valence", palette.VALENCE, attrgetter("valence", "valence_std")),
    ("arousal", palette.AROUSAL, attrgetter("arousal", "arousal_std")),
)
_LEAST_WITH_PLANE = 72
_ALMOST = 1 - 1e-9  # the last moment is within the picture
_PATH = 400  # points of the path through the plane


def sketch(recording: Recording, width: int, height: int) -> Canvas:
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
    told = [f"{recording.begun:%Y-%m-%d %H:%M:%S} UTC", clock(recording.length)]
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
    canvas.text_right(x + width, y, clock(recording.length), palette.GREY)


def _points(recording: Recording, most: int, span: float) -> list[Point]:
    """Return the trajectory as if it had taken `span` seconds that end now."""
    points = thin(recording, most)
    seen = points["seconds"] / max(recording.length, 1e-9) * span * _ALMOST
    columns = [points[name].tolist() for name in COLUMNS]
    silent = COLUMNS.index("silence")
    found = []
    for when, *values in zip(seen.tolist(), *columns, strict=True):
        if np.isfinite(values).all():
            values[silent] = values[silent] > 0.5
            found.append(Point(when, Row(*values).update(), 0.0))
    return found
