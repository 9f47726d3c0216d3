"""Plots: the valence/arousal plane, one axis over the last minute, and the level meter."""

import math
from collections.abc import Callable, Sequence

from rich.style import Style

from streamer.outputs.terminal.canvas import (
    AROUSAL,
    BAD,
    GOOD,
    GREY,
    MOOD_STYLES,
    TRAIL_STYLES,
    VALENCE,
    WARN,
    Canvas,
    Dots,
)
from streamer.outputs.terminal.history import SPAN, Point, region
from streamer.tracking.update import Affect, Update

TRAIL = 20.0
"""Length of the trail in the plane, in seconds."""

METER_FLOOR = -60.0
"""Level at the left end of the meter, in dBFS."""

_CONNECTED_TRAIL = 15.0  # seconds; older points of the trail are single dots
_AXIS_WIDTH = 3  # cells
_MAX_GAP = 3  # dots; a larger gap is not connected
_MIN_SPREAD_HEIGHT = 7  # rows; below, the deviation is not drawn


def draw_plane(
    canvas: Canvas, x: int, y: int, width: int, height: int, points: Sequence[Point], now: float
) -> None:
    """Draw the plane, current point, deviation and trail; `width` and `height` must be odd."""
    _draw_frame(canvas, x, y, width, height)
    if not points:
        waiting = " waiting for audio "
        canvas.text(x + (width - len(waiting)) // 2, y + height // 2, waiting, GREY)
        return
    dots = Dots(canvas, x + 1, y + 1, width - 2, height - 2)
    _draw_trail(dots, [point for point in points if now - point.seen <= TRAIL], now)
    update = points[-1].update
    here = update.smooth
    style = GREY if update.silence else MOOD_STYLES[region(here)]
    steps = max(24, dots.width // 2)  # of the ellipse of one standard deviation
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        valence = here.valence + here.valence_std * math.cos(angle)
        arousal = here.arousal + here.arousal_std * math.sin(angle)
        dots.plot(*_dot(dots, valence, arousal), style)
    dots.flush()
    _draw_quadrant_words(canvas, x, y, width, height, "" if update.silence else region(here))
    column, row = _dot(dots, here.valence, here.arousal)
    column = min(max(column, 0), dots.width - 1)
    row = min(max(row, 0), dots.height - 1)
    canvas.put(x + 1 + column // 2, y + 1 + row // 4, "○" if update.silence else "●", style)


def _draw_frame(canvas: Canvas, x: int, y: int, width: int, height: int) -> None:
    right, bottom = x + width - 1, y + height - 1
    middle, centre = x + width // 2, y + height // 2
    canvas.text(x, y, "╭" + "─" * (width - 2) + "╮", GREY)
    canvas.text(x, bottom, "╰" + "─" * (width - 2) + "╯", GREY)
    for row in range(y + 1, bottom):
        canvas.put(x, row, "│", GREY)
        canvas.put(right, row, "│", GREY)
        canvas.put(middle, row, "┊", GREY)
    canvas.text(x + 1, centre, "┈" * (width - 2), GREY)
    canvas.put(middle, centre, "┼", GREY)
    canvas.put(x, centre, "├", GREY)
    canvas.put(right, centre, "┤", GREY)
    canvas.text(middle - 1, y, " ↑ arousal ", AROUSAL)
    canvas.text_right(right - 1, bottom, " valence → ", VALENCE)
    _draw_quadrant_words(canvas, x, y, width, height, "")


def _draw_quadrant_words(
    canvas: Canvas, x: int, y: int, width: int, height: int, current: str
) -> None:
    """Write the four mood words into the corners, the current one in color."""
    right, bottom = x + width - 2, y + height - 2

    def style(word: str) -> Style:
        return MOOD_STYLES[word] if word == current else GREY

    canvas.text(x + 2, y + 1, "tense", style("tense"))
    canvas.text_right(right, y + 1, "excited", style("excited"))
    canvas.text(x + 2, bottom, "sad", style("sad"))
    canvas.text_right(right, bottom, "calm", style("calm"))


def _draw_trail(dots: Dots, points: Sequence[Point], now: float) -> None:
    before: tuple[int, int] | None = None
    for point in points:
        here = point.update.smooth
        column, row = _dot(dots, here.valence, here.arousal)
        if (column, row) == before and point is not points[-1]:
            continue
        age = now - point.seen
        styles = TRAIL_STYLES["neutral" if point.update.silence else region(here)]
        style = styles[min(int(age / 5.0), 3)]
        if before is None or age > _CONNECTED_TRAIL:
            dots.plot(column, row, style)
        else:
            dots.line(*before, column, row, style)
        before = (column, row)


def _dot(dots: Dots, valence: float, arousal: float) -> tuple[int, int]:
    return (
        round((valence + 1) / 2 * (dots.width - 1)),
        round((1 - arousal) / 2 * (dots.height - 1)),
    )


def draw_trajectory(
    canvas: Canvas,
    x: int,
    y: int,
    width: int,
    height: int,
    points: Sequence[Point],
    now: float,
    value_of: Callable[[Affect], tuple[float, float]],
    style: Style,
) -> None:
    """Draw valence or arousal over the last 60 s, -1 to 1; silence is grey.

    The standard deviation is dotted if the plot is high enough.

    Parameters
    ----------
    height
        Rows; odd, so that zero has a row of its own.
    value_of
        Returns the value and its standard deviation of an estimate.
    """
    for row, label in ((0, "+1"), (height // 2, " 0"), (height - 1, "-1")):
        canvas.text(x, y + row, label, GREY)
    for row in range(height):
        canvas.put(x + 2, y + row, "┼" if row == height // 2 else "│", GREY)
    left, columns = x + _AXIS_WIDTH, width - _AXIS_WIDTH
    canvas.text(left, y + height // 2, "┈" * columns, GREY)
    dots = Dots(canvas, left, y, columns, height)
    bins = _binned(points, SPAN / dots.width)
    shift = dots.width - 1 - int(now / (SPAN / dots.width))
    for number, update in bins.items():
        if height >= _MIN_SPREAD_HEIGHT and number % 3 == 0:
            value, spread = value_of(update.smooth)
            for edge in (value - spread, value + spread):
                dots.plot(number + shift, _row(edge, dots.height), GREY)
    before: tuple[int, int] | None = None
    for number, update in bins.items():
        here = (number + shift, _row(value_of(update.smooth)[0], dots.height))
        start = before if before is not None and here[0] - before[0] <= _MAX_GAP else here
        dots.line(*start, *here, GREY if update.silence else style)
        before = here
    dots.flush()


def draw_meter(canvas: Canvas, x: int, y: int, width: int, level: float | None) -> None:
    """Draw a level meter from -60 to 0 dBFS: green, amber above -18, red above -6."""
    share = 0.0 if level is None else min(max(1 - level / METER_FLOOR, 0.0), 1.0)
    lit = round(share * width)
    for cell in range(width):
        decibels = METER_FLOOR * (1 - (cell + 0.5) / width)
        style = GOOD if decibels < -18 else WARN if decibels < -6 else BAD
        canvas.text(x + cell, y, *(("━", style) if cell < lit else ("─", GREY)))


def _binned(points: Sequence[Point], seconds: float) -> dict[int, Update]:
    """Return the last update per time bin; bins are aligned to absolute time."""
    return {int(point.seen / seconds): point.update for point in points}


def _row(value: float, height: int) -> int:
    return round((1 - min(max(value, -1.0), 1.0)) / 2 * (height - 1))
