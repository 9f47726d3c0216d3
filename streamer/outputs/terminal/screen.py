"""The picture of the live view, drawn from a scene and nothing else.

::

    header    program, zone, source                                          broker
    body      valence/arousal plane          mood, valence and arousal over 60 s, level
    zones     one line for each other zone
    footer    rate, latency, topic; the last message
"""

from dataclasses import dataclass
from operator import attrgetter

from rich.style import Style

from streamer.outputs.terminal import palette
from streamer.outputs.terminal.canvas import PLAIN, Canvas, shortened
from streamer.outputs.terminal.history import SPAN, Point, decibels, region, signed
from streamer.outputs.terminal.plots import draw_meter, draw_plane, draw_trajectory
from streamer.tracking.mood import mood
from streamer.tracking.update import Update

LEAST_WIDTH, LEAST_HEIGHT = 64, 18
"""Below this there are only lines of text."""

_AXES = (
    ("valence", palette.VALENCE, attrgetter("valence", "valence_std")),
    ("arousal", palette.AROUSAL, attrgetter("arousal", "arousal_std")),
)
_STALE = 2.0
_PANEL = 28
_ROOMY = 17


@dataclass(frozen=True)
class ZoneScene:
    """What is known of a zone.

    Attributes
    ----------
    id, source
        Its name, and what it listens to.
    points
        The updates of the last 60 s, the oldest first.
    rate
        Estimates per second really seen.
    latency_ms
        Median latency; None before the first update.
    """

    id: str
    source: str
    points: tuple[Point, ...] = ()
    rate: float = 0.0
    latency_ms: float | None = None


@dataclass(frozen=True)
class Scene:
    """What is shown; the first zone large, a line for each other.

    Attributes
    ----------
    now
        `time.monotonic()` of the picture.
    zones
        At least one.
    broker, topic
        The broker's address, and the base of the topics.
    connected
        Whether the broker is reached; None while that is tried for the first time.
    page
        Address of the dashboard; empty where none is served.
    message, alarming
        The last log message, and whether it is a warning or worse.
    """

    now: float
    zones: tuple[ZoneScene, ...]
    broker: str = ""
    topic: str = ""
    connected: bool | None = None
    page: str = ""
    message: str = ""
    alarming: bool = False


def draw(scene: Scene, width: int, height: int) -> Canvas:
    """Return the picture, `width` by `height` cells."""
    canvas = Canvas(width, height)
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        for y, zone in enumerate(scene.zones):
            _draw_line(canvas, 0, y, zone, scene.now)
        return canvas
    first, others = scene.zones[0], scene.zones[1:]
    shown = others[: height - LEAST_HEIGHT]
    body = height - 5 - (len(shown) + 1 if shown else 0)
    _draw_header(canvas, scene)
    _draw_body(canvas, 2, body, first, scene.now)
    if shown:
        y = 2 + body
        canvas.text(1, y, "─" * (width - 2), palette.GREY)
        for offset, zone in enumerate(shown, start=1):
            _draw_line(canvas, 1, y + offset, zone, scene.now)
        if len(shown) < len(others):
            rest = f" {len(others) - len(shown)} more zones "
            canvas.text_right(width - 3, y, rest, palette.GREY)
    _draw_footer(canvas, scene)
    return canvas


def _draw_header(canvas: Canvas, scene: Scene) -> None:
    mark, state, style = {
        True: ("●", "", palette.GOOD),
        False: ("○", "not connected ", palette.BAD),
        None: ("○", "connecting ", palette.WARN),
    }[scene.connected]
    broker = shortened(f"{state}{scene.broker}", canvas.width // 2 - 6)
    end = canvas.text_right(canvas.width - 1, 0, broker)
    canvas.text(end - 2, 0, mark, style)
    zone = scene.zones[0]
    x = canvas.text(1, 0, "streamer", palette.TEXT)
    x = canvas.text(x + 2, 0, zone.id, palette.AROUSAL)
    canvas.text(x + 2, 0, shortened(zone.source, end - 4 - x), palette.GREY)
    canvas.text(1, 1, "─" * (canvas.width - 2), palette.GREY)


def _draw_footer(canvas: Canvas, scene: Scene) -> None:
    y = canvas.height - 3
    zone = scene.zones[0]
    canvas.text(1, y, "─" * (canvas.width - 2), palette.GREY)
    silent_for = scene.now - zone.points[-1].seen if zone.points else 0.0
    x = 1
    if silent_for > _STALE:
        x = canvas.text(x, y + 1, f"no estimates for {silent_for:.0f} s", palette.BAD)
    else:
        x = canvas.text(x, y + 1, f"{zone.rate:.1f}", palette.TEXT)
        x = canvas.text(x, y + 1, " estimates/s", palette.GREY)
    x = canvas.text(x + 3, y + 1, "latency ", palette.GREY)
    latency = "-" if zone.latency_ms is None else f"{zone.latency_ms:.0f} ms"
    x = canvas.text(x, y + 1, latency, palette.TEXT)
    x = canvas.text(x + 3, y + 1, "topic ", palette.GREY)
    end = canvas.text_right(canvas.width - 1, y + 1, scene.page, palette.AROUSAL)
    canvas.text(x, y + 1, shortened(scene.topic, max(0, end - 3 - x)))
    end = canvas.text_right(canvas.width - 1, y + 2, "Ctrl-C stops", palette.GREY)
    message = shortened(scene.message, end - 3)
    canvas.text(1, y + 2, message, palette.WARN if scene.alarming else palette.GREY)


def _draw_body(canvas: Canvas, y: int, height: int, zone: ZoneScene, now: float) -> None:
    rows = (height - 2) - (height + 1) % 2
    columns = min(2 * rows - 1, canvas.width - 6 - _PANEL)
    columns -= 1 - columns % 2
    draw_plane(canvas, 1, y, columns + 2, rows + 2, zone.points, now)
    _draw_panel(canvas, columns + 5, y, rows + 2, zone, now)


def _draw_panel(canvas: Canvas, x: int, y: int, height: int, zone: ZoneScene, now: float) -> None:
    width = canvas.width - 1 - x
    update = zone.points[-1].update if zone.points else None
    gap = 1 if height > _ROOMY else 0
    chart = (height - 5 - 3 * gap) // 2
    chart -= 1 - chart % 2
    if update is not None:
        canvas.text(x + 9, y, *_word(update))
    canvas.text(x, y, "mood", palette.GREY)
    if update is not None and update.warm < 1:
        canvas.text_right(x + width, y, f"warming up {update.warm:4.0%}", palette.WARN)
    top = y + 1 + gap
    for name, style, value_of in _AXES:
        canvas.text(x, top, name, style)
        if update is not None:
            value, spread = value_of(update.smooth)
            end = canvas.text(x + 9, top, signed(value), palette.TEXT)
            canvas.text(end + 1, top, f"± {spread:.2f}", palette.GREY)
        draw_trajectory(canvas, x, top + 1, width, chart, zone.points, now, value_of, style)
        top += chart + 1 + gap
    top -= gap
    canvas.text(x + 3, top, f"{SPAN:.0f} s ago", palette.GREY)
    canvas.text_right(x + width, top, "now", palette.GREY)
    bottom = y + height - 1
    canvas.text(x, bottom, "level", palette.GREY)
    level = None if update is None else update.level
    end = canvas.text_right(x + width, bottom, decibels(level) if level is not None else "-")
    draw_meter(canvas, x + 9, bottom, x + width - 11 - (x + 9), level)


def _word(update: Update) -> tuple[str, Style]:
    """Return the mood in a word, and the style of its region."""
    if update.silence:
        return "silence", palette.GREY
    here = update.smooth
    return mood(here.valence, here.arousal), palette.MOOD[region(here)]


def _draw_line(canvas: Canvas, x: int, y: int, zone: ZoneScene, now: float) -> None:
    canvas.text(x, y, shortened(zone.id, 12), palette.AROUSAL)
    if not zone.points:
        canvas.text(x + 14, y, f"waiting for {zone.source}", palette.GREY)
        return
    update = zone.points[-1].update
    stale = now - zone.points[-1].seen > _STALE
    canvas.text(x + 14, y, *_word(update))
    canvas.text(x + 23, y, f"V {signed(update.smooth.valence)}", palette.VALENCE)
    canvas.text(x + 32, y, f"A {signed(update.smooth.arousal)}", palette.AROUSAL)
    canvas.text_right(x + 50, y, decibels(update.level), PLAIN)
    rate = "no estimates" if stale else f"{zone.rate:.1f}/s"
    end = canvas.text(x + 53, y, rate, palette.BAD if stale else palette.GREY)
    canvas.text(end + 3, y, shortened(zone.source, canvas.width - 4 - end), palette.GREY)
