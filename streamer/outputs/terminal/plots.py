"""The valence/arousal plane: where the music is, how sure that is, and where it came from.

A value over the last minute, and the level meter.
"""

import math
from collections.abc import Callable, Sequence

from rich.style import Style

from streamer.outputs.terminal import palette
from streamer.outputs.terminal.canvas import Canvas, Dots
from streamer.outputs.terminal.history import SPAN, Point, region
from streamer.tracking.update import Affect, Update

TRAIL = 20.0
"""Seconds that the trail goes back."""

_LINED = 15.0


def draw_plane(
    canvas: Canvas, x: int, y: int, width: int, height: int, points: Sequence[Point], now: float
) -> None:
    """Draw the plane with its frame; `width` and `height` are odd, so that the axes have cells."""
    _draw_frame(canvas, x, y, width, height)
    if not points:
        waiting = " waiting for sound "
        canvas.text(x + (width - len(waiting)) // 2, y + height // 2, waiting, palette.GREY)
        return
    dots = Dots(canvas, x + 1, y + 1, width - 2, height - 2)
    _draw_trail(dots, [point for point in points if now - point.seen <= TRAIL], now)
    update = points[-1].update
    here = update.smooth
    style = palette.GREY if update.silence else palette.MOOD[region(here)]
    steps = max(24, dots.width // 2)
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        across = here.valence + here.valence_std * math.cos(angle)
        up = here.arousal + here.arousal_std * math.sin(angle)
        dots.plot(*_dot(dots, across, up), style)
    dots.flush()
    _draw_words(canvas, x, y, width, height, "" if update.silence else region(here))
    column, row = _dot(dots, here.valence, here.arousal)
    column = min(max(column, 0), dots.width - 1)
    row = min(max(row, 0), dots.height - 1)
    canvas.put(x + 1 + column // 2, y + 1 + row // 4, "○" if update.silence else "●", style)


def _draw_frame(canvas: Canvas, x: int, y: int, width: int, height: int) -> None:
    right, bottom = x + width - 1, y + height - 1
    middle, centre = x + width // 2, y + height // 2
    canvas.text(x, y, "╭" + "─" * (width - 2) + "╮", palette.GREY)
    canvas.text(x, bottom, "╰" + "─" * (width - 2) + "╯", palette.GREY)
    for row in range(y + 1, bottom):
        canvas.put(x, row, "│", palette.GREY)
        canvas.put(right, row, "│", palette.GREY)
        canvas.put(middle, row, "┊", palette.GREY)
    canvas.text(x + 1, centre, "┈" * (width - 2), palette.GREY)
    canvas.put(middle, centre, "┼", palette.GREY)
    canvas.put(x, centre, "├", palette.GREY)
    canvas.put(right, centre, "┤", palette.GREY)
    canvas.text(middle - 1, y, " ↑ arousal ", palette.AROUSAL)
    canvas.text_right(right - 1, bottom, " valence → ", palette.VALENCE)
    _draw_words(canvas, x, y, width, height, "")


def _draw_words(canvas: Canvas, x: int, y: int, width: int, height: int, current: str) -> None:
    """Write the four words into the corners, the current one in its colour."""
    right, bottom = x + width - 2, y + height - 2

    def style(word: str) -> Style:
        return palette.MOOD[word] if word == current else palette.GREY

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
        styles = palette.TRAIL["neutral" if point.update.silence else region(here)]
        style = styles[min(int(age / 5.0), 3)]
        if before is None or age > _LINED:
            dots.plot(column, row, style)
        else:
            dots.line(*before, column, row, style)
        before = (column, row)


def _dot(dots: Dots, valence: float, arousal: float) -> tuple[int, int]:
    return (
        round((valence + 1) / 2 * (dots.width - 1)),
        round((1 - arousal) / 2 * (dots.height - 1)),
    )


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
