"""A value over the last minute, and the level meter."""

from collections.abc import Callable, Sequence

from rich.style import Style

from streamer.outputs import palette
from streamer.outputs.canvas import Canvas, Dots
from streamer.outputs.history import SPAN, Point
from streamer.tracking.update import Affect, Update

FLOOR = -60.0
"""The level in dBFS at the left end of the meter."""

_MARGIN = 3
_JOINED = 3
_ROOMY = 7


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
    """Draw one axis of the trajectory over the last 60 s, -1 to 1.

    Where there is room, dots show the deviation; silence is grey.

    Parameters
    ----------
    height
        Odd, so that zero has a row.
    value_of
        Picks the value and its deviation from an estimate.
    """
    for row, label in ((0, "+1"), (height // 2, " 0"), (height - 1, "-1")):
        canvas.text(x, y + row, label, palette.GREY)
    for row in range(height):
        canvas.put(x + 2, y + row, "┼" if row == height // 2 else "│", palette.GREY)
    left, columns = x + _MARGIN, width - _MARGIN
    canvas.text(left, y + height // 2, "┈" * columns, palette.GREY)
    dots = Dots(canvas, left, y, columns, height)
    bins = _binned(points, SPAN / dots.width)
    shift = dots.width - 1 - int(now / (SPAN / dots.width))
    for number, update in bins.items():
        if height >= _ROOMY and number % 3 == 0:
            value, spread = value_of(update.smooth)
            for edge in (value - spread, value + spread):
                dots.plot(number + shift, _row(edge, dots.height), palette.GREY)
    before: tuple[int, int] | None = None
    for number, update in bins.items():
        here = (number + shift, _row(value_of(update.smooth)[0], dots.height))
        start = before if before is not None and here[0] - before[0] <= _JOINED else here
        dots.line(*start, *here, palette.GREY if update.silence else style)
        before = here
    dots.flush()


def draw_meter(canvas: Canvas, x: int, y: int, width: int, level: float | None) -> None:
    """Draw a level from -60 to 0 dBFS: green, amber from -18, red from -6."""
    share = 0.0 if level is None else min(max(1 - level / FLOOR, 0.0), 1.0)
    lit = round(share * width)
    for cell in range(width):
        decibels = FLOOR * (1 - (cell + 0.5) / width)
        style = palette.GOOD if decibels < -18 else palette.WARN if decibels < -6 else palette.BAD
        canvas.text(x + cell, y, *(("━", style) if cell < lit else ("─", palette.GREY)))


def _binned(points: Sequence[Point], seconds: float) -> dict[int, Update]:
    """Return the last update of each stretch of time; the stretches do not move with now."""
    return {int(point.seen / seconds): point.update for point in points}


def _row(value: float, height: int) -> int:
    return round((1 - min(max(value, -1.0), 1.0)) / 2 * (height - 1))
