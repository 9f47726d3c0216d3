"""Draw the live view as a pure function of a `Scene`.

::

    header    program, zone, source                                          broker
    body      valence/arousal plane          mood, valence and arousal over 60 s, level
    zones     one line for each other zone
    footer    rate, latency, topic; the last log message
"""

from dataclasses import dataclass
from operator import attrgetter

from rich.style import Style

from streamer.outputs.terminal.canvas import (
    AROUSAL,
    BAD,
    GOOD,
    GREY,
    MOOD_STYLES,
    PLAIN,
    TEXT,
    VALENCE,
    WARN,
    Canvas,
    shortened,
)
from streamer.outputs.terminal.history import SPAN, Point, decibels, region, signed
from streamer.outputs.terminal.plots import draw_meter, draw_plane, draw_trajectory
from streamer.tracking.mood import mood
from streamer.tracking.update import Update

MIN_WIDTH, MIN_HEIGHT = 64, 18
"""Smallest size in cells for the full layout; below it, one line of text per zone."""

_AXES = (
    ("valence", VALENCE, attrgetter("valence", "valence_std")),
    ("arousal", AROUSAL, attrgetter("arousal", "arousal_std")),
)
_STALE = 2.0  # seconds without an update
_MIN_PANEL_WIDTH = 28
_MIN_SPACED_HEIGHT = 17  # rows; below, the panel has no empty lines


@dataclass(frozen=True)
class ZoneScene:
    """State of a zone to draw.

    Attributes
    ----------
    id, source
        Name and input.
    points
        Updates of the last 60 s, oldest first.
    rate
        Measured estimates per second.
    latency_ms
        Median latency in milliseconds; None before the first update.
    """

    id: str
    source: str
    points: tuple[Point, ...] = ()
    rate: float = 0.0
    latency_ms: float | None = None


@dataclass(frozen=True)
class Scene:
    """Everything that the view shows: the first zone in full, one line for each other.

    Attributes
    ----------
    now
        `time.monotonic()` of the frame.
    zones
        At least one.
    broker, topic
        Broker address, and base topic.
    connected
        Whether the broker is connected; None during the first attempt.
    page
        Address of the dashboard; empty if off.
    message, is_warning
        Last log message, and whether it is a warning or worse.
    """

    now: float
    zones: tuple[ZoneScene, ...]
    broker: str = ""
    topic: str = ""
    connected: bool | None = None
    page: str = ""
    message: str = ""
    is_warning: bool = False


def draw(scene: Scene, width: int, height: int) -> Canvas:
    """Return the view, `width` by `height` cells."""
    canvas = Canvas(width, height)
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        for y, zone in enumerate(scene.zones):
            _draw_zone_line(canvas, 0, y, zone, scene.now)
        return canvas
    first, others = scene.zones[0], scene.zones[1:]
    listed = others[: height - MIN_HEIGHT]
    body = height - 5 - (len(listed) + 1 if listed else 0)
    _draw_header(canvas, scene)
    _draw_body(canvas, 2, body, first, scene.now)
    if listed:
        y = 2 + body
        canvas.text(1, y, "─" * (width - 2), GREY)
        for offset, zone in enumerate(listed, start=1):
            _draw_zone_line(canvas, 1, y + offset, zone, scene.now)
        if len(listed) < len(others):
            rest = f" {len(others) - len(listed)} more zones "
            canvas.text_right(width - 3, y, rest, GREY)
    _draw_footer(canvas, scene)
    return canvas


def _draw_header(canvas: Canvas, scene: Scene) -> None:
    mark, state, style = {
        True: ("●", "", GOOD),
        False: ("○", "not connected ", BAD),
        None: ("○", "connecting ", WARN),
    }[scene.connected]
    broker = shortened(f"{state}{scene.broker}", canvas.width // 2 - 6)
    end = canvas.text_right(canvas.width - 1, 0, broker)
    canvas.text(end - 2, 0, mark, style)
    zone = scene.zones[0]
    x = canvas.text(1, 0, "streamer", TEXT)
    x = canvas.text(x + 2, 0, zone.id, AROUSAL)
    canvas.text(x + 2, 0, shortened(zone.source, end - 4 - x), GREY)
    canvas.text(1, 1, "─" * (canvas.width - 2), GREY)


def _draw_footer(canvas: Canvas, scene: Scene) -> None:
    y = canvas.height - 3
    zone = scene.zones[0]
    canvas.text(1, y, "─" * (canvas.width - 2), GREY)
    age = scene.now - zone.points[-1].seen if zone.points else 0.0
    x = 1
    if age > _STALE:
        x = canvas.text(x, y + 1, f"no estimates for {age:.0f} s", BAD)
    else:
        x = canvas.text(x, y + 1, f"{zone.rate:.1f}", TEXT)
        x = canvas.text(x, y + 1, " estimates/s", GREY)
    x = canvas.text(x + 3, y + 1, "latency ", GREY)
    latency = "-" if zone.latency_ms is None else f"{zone.latency_ms:.0f} ms"
    x = canvas.text(x, y + 1, latency, TEXT)
    x = canvas.text(x + 3, y + 1, "topic ", GREY)
    end = canvas.text_right(canvas.width - 1, y + 1, scene.page, AROUSAL)
    canvas.text(x, y + 1, shortened(scene.topic, max(0, end - 3 - x)))
    end = canvas.text_right(canvas.width - 1, y + 2, "Ctrl-C stops", GREY)
    message = shortened(scene.message, end - 3)
    canvas.text(1, y + 2, message, WARN if scene.is_warning else GREY)


def _draw_body(canvas: Canvas, y: int, height: int, zone: ZoneScene, now: float) -> None:
    rows = (height - 2) - (height + 1) % 2
    columns = min(2 * rows - 1, canvas.width - 6 - _MIN_PANEL_WIDTH)
    columns -= 1 - columns % 2
    draw_plane(canvas, 1, y, columns + 2, rows + 2, zone.points, now)
    _draw_panel(canvas, columns + 5, y, rows + 2, zone, now)


def _draw_panel(canvas: Canvas, x: int, y: int, height: int, zone: ZoneScene, now: float) -> None:
    width = canvas.width - 1 - x
    update = zone.points[-1].update if zone.points else None
    gap = 1 if height > _MIN_SPACED_HEIGHT else 0
    chart = (height - 5 - 3 * gap) // 2
    chart -= 1 - chart % 2
    if update is not None:
        canvas.text(x + 9, y, *_mood_word(update))
    canvas.text(x, y, "mood", GREY)
    if update is not None and update.warm < 1:
        canvas.text_right(x + width, y, f"warming up {update.warm:4.0%}", WARN)
    top = y + 1 + gap
    for name, style, value_of in _AXES:
        canvas.text(x, top, name, style)
        if update is not None:
            value, spread = value_of(update.smooth)
            end = canvas.text(x + 9, top, signed(value), TEXT)
            canvas.text(end + 1, top, f"± {spread:.2f}", GREY)
        draw_trajectory(canvas, x, top + 1, width, chart, zone.points, now, value_of, style)
        top += chart + 1 + gap
    top -= gap
    canvas.text(x + 3, top, f"{SPAN:.0f} s ago", GREY)
    canvas.text_right(x + width, top, "now", GREY)
    bottom = y + height - 1
    canvas.text(x, bottom, "level", GREY)
    level = None if update is None else update.level
    end = canvas.text_right(x + width, bottom, decibels(level) if level is not None else "-")
    draw_meter(canvas, x + 9, bottom, x + width - 11 - (x + 9), level)


def _mood_word(update: Update) -> tuple[str, Style]:
    """Return the mood word and its style."""
    if update.silence:
        return "silence", GREY
    here = update.smooth
    return mood(here.valence, here.arousal), MOOD_STYLES[region(here)]


def _draw_zone_line(canvas: Canvas, x: int, y: int, zone: ZoneScene, now: float) -> None:
    canvas.text(x, y, shortened(zone.id, 12), AROUSAL)
    if not zone.points:
        canvas.text(x + 14, y, f"waiting for {zone.source}", GREY)
        return
    update = zone.points[-1].update
    stale = now - zone.points[-1].seen > _STALE
    canvas.text(x + 14, y, *_mood_word(update))
    canvas.text(x + 23, y, f"V {signed(update.smooth.valence)}", VALENCE)
    canvas.text(x + 32, y, f"A {signed(update.smooth.arousal)}", AROUSAL)
    canvas.text_right(x + 50, y, decibels(update.level), PLAIN)
    rate = "no estimates" if stale else f"{zone.rate:.1f}/s"
    end = canvas.text(x + 53, y, rate, BAD if stale else GREY)
    canvas.text(end + 3, y, shortened(zone.source, canvas.width - 4 - end), GREY)
