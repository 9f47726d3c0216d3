"""The show in the terminal: palettes with the moving point, fixtures as they shine, outputs.

::

    header      show file, zone                                   broker
    body        palettes over the plane        fixtures: colour, intensity, name
    outputs     a line for each
    footer      where the music is, or since when it is lost; the last message
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live
from rich.style import Style

from streamer import logs
from streamer.outputs.lights.color import Gradient, to_hex
from streamer.outputs.lights.light_controller import FixtureLevel, LightController
from streamer.outputs.lights.renderer import Renderer
from streamer.outputs.lights.timeline import TimedAffect
from streamer.outputs.terminal import palette as ink
from streamer.outputs.terminal.canvas import PLAIN, Canvas, shortened
from streamer.outputs.terminal.history import signed
from streamer.tracking.mood import mood

FRAMES = 8
"""Pictures a second, at most."""

_MOST_PALETTES = 3
_BAR = 10
_WIDEST_PLANE = 40


class Preview:
    """A picture of lights that fills the terminal.

    Parameters
    ----------
    lights
        What is shown; only read.
    title
        What stands at the top: the show file.
    console
        Where to draw; standard output by default.
    clock
        That of the lights.
    """

    def __init__(
        self,
        lights: LightController,
        *,
        title: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lights = lights
        self._title = title
        self._console = Console() if console is None else console
        self._clock = clock
        self._broker, self._connected = "", False
        self._planes: dict[tuple[Gradient, int, int], list[list[Style]]] = {}

    def set_broker(self, address: str, *, connected: bool) -> None:
        """Show this broker."""
        self._broker, self._connected = address, connected

    async def run(self) -> None:
        """Draw until cancelled; afterwards the terminal is as it was, and log messages follow."""
        with (
            logs.deferred_terminal_logs() as messages,
            Live(console=self._console, screen=True, auto_refresh=False) as live,
        ):
            while True:
                await asyncio.to_thread(self._paint, live, messages)
                await asyncio.sleep(1 / FRAMES)

    def _paint(self, live: Live, messages: Sequence[logging.LogRecord]) -> None:
        live.update(self.draw(*self._console.size, messages), refresh=True)

    def draw(self, width: int, height: int, messages: Sequence[logging.LogRecord] = ()) -> Canvas:
        """Return the picture, `width` by `height` cells."""
        canvas = Canvas(width, height)
        rig = self._lights.active
        stages = list(rig.stages.values())[: max(1, height // 4)]
        body = height - 6 - len(stages)
        self._draw_header(canvas)
        shown = [each.place.fixture.palette for each in rig.fixtures.values()]
        names = [name for name in rig.gradients if name in shown][:_MOST_PALETTES]
        across = min(_WIDEST_PLANE, width // 2)
        down = body // max(1, len(names))
        for index, name in enumerate(names):
            self._draw_plane(canvas, 1, 2 + index * down, across, down, name)
        x = across + 3 if names else 1
        _draw_fixtures(canvas, x, 2, body, self._lights.fixture_levels())
        canvas.text(1, 2 + body, "─" * (width - 2), ink.GREY)
        for index, stage in enumerate(stages):
            _draw_output(canvas, 3 + body + index, stage)
        self._draw_footer(canvas, messages)
        return canvas

    def _draw_header(self, canvas: Canvas) -> None:
        broker = self._broker if self._connected else f"not connected {self._broker}"
        broker = shortened(broker, canvas.width // 2)
        end = canvas.text_right(canvas.width - 1, 0, broker)
        mark = ("●", ink.GOOD) if self._connected else ("○", ink.BAD)
        canvas.text(end - 2, 0, *mark)
        x = canvas.text(1, 0, "streamer lights", ink.TEXT)
        x = canvas.text(x + 2, 0, self._lights.zone, ink.AROUSAL)
        canvas.text(x + 2, 0, shortened(self._title, max(0, end - 4 - x)), ink.GREY)
        canvas.text(1, 1, "─" * (canvas.width - 2), ink.GREY)

    def _draw_plane(
        self, canvas: Canvas, x: int, y: int, width: int, height: int, name: str
    ) -> None:
        """Draw a palette's colours over the plane, with the point where the music is."""
        canvas.text(x, y, shortened(name, width), ink.GREY)
        height -= 2
        if height < 1:
            return
        rows = self._plane(self._lights.active.gradients[name], width, height)
        for row, styles in enumerate(rows):
            for column, style in enumerate(styles):
                canvas.put(x + column, y + 1 + row, " ", style)
        look = self._lights.latest
        if look is not None:
            column = round((1 + look.affect.valence) / 2 * (width - 1))
            row = round((1 - look.affect.arousal) / 2 * (height - 1))
            point = rows[row][column] + Style(color="#000000", bold=True)
            canvas.put(x + column, y + 1 + row, "○" if look.silence else "●", point)

    def _plane(self, gradient: Gradient, width: int, height: int) -> list[list[Style]]:
        key = gradient, width, height
        if key not in self._planes:
            if len(self._planes) > 2 * _MOST_PALETTES:
                self._planes.clear()
            self._planes[key] = [
                [
                    Style(bgcolor=to_hex(gradient.at(_along(column, width), -_along(row, height))))
                    for column in range(width)
                ]
                for row in range(height)
            ]
        return self._planes[key]

    def _draw_footer(self, canvas: Canvas, messages: Sequence[logging.LogRecord]) -> None:
        y = canvas.height - 3
        canvas.text(1, y, "─" * (canvas.width - 2), ink.GREY)
        look = self._lights.latest
        if look is None:
            canvas.text(1, y + 1, "waiting for estimates: dark", ink.WARN)
        elif self._lights.signal_lost:
            age = self._clock() - look.time
            left = min(stage.clock.loss.share for stage in self._lights.active.stages.values())
            kept = "the look is held" if left == 1 else f"{left:.0%} of the light is left"
            canvas.text(1, y + 1, f"no estimates for {age:.0f} s: {kept}", ink.BAD)
        else:
            _draw_look(canvas, y + 1, look)
        end = canvas.text_right(canvas.width - 1, y + 2, "Ctrl-C stops", ink.GREY)
        if messages:
            alarming = messages[-1].levelno >= logging.WARNING
            message = shortened(logs.format_record(messages[-1]), end - 3)
            canvas.text(1, y + 2, message, ink.WARN if alarming else ink.GREY)


def _draw_look(canvas: Canvas, y: int, look: TimedAffect) -> None:
    here = look.affect
    x = canvas.text(1, y, f"valence {signed(here.valence)}", ink.VALENCE)
    x = canvas.text(x + 3, y, f"arousal {signed(here.arousal)}", ink.AROUSAL)
    word = "silence" if look.silence else mood(here.valence, here.arousal)
    canvas.text(x + 3, y, word, ink.TEXT)


def _draw_fixtures(
    canvas: Canvas, x: int, y: int, height: int, fixtures: Sequence[FixtureLevel]
) -> None:
    shown = fixtures if len(fixtures) <= height else fixtures[: height - 1]
    for row, each in enumerate(shown, start=y):
        end = canvas.text(x, row, "████", Style(color=to_hex(each.color)))
        filled = round(each.intensity * _BAR)
        end = canvas.text(end + 1, row, "━" * filled, PLAIN)
        end = canvas.text(end, row, "╌" * (_BAR - filled), ink.GREY)
        end = canvas.text(end, row, f"{each.intensity:5.0%}", ink.TEXT)
        canvas.text(end + 2, row, shortened(each.name, max(0, canvas.width - 2 - end)))
    if len(shown) < len(fixtures):
        more = f"{len(fixtures) - len(shown)} more"
        canvas.text(x, y + height - 1, more, ink.GREY)


def _draw_output(canvas: Canvas, y: int, stage: Renderer) -> None:
    sender = stage.sender
    trouble = sender.wire.trouble
    canvas.text(1, y, "●", ink.BAD if trouble else ink.GOOD)
    x = canvas.text(3, y, shortened(stage.output.name, 16), ink.TEXT)
    x = canvas.text(max(x, 18) + 2, y, sender.where, ink.GREY)
    said = trouble or ("nothing is sent" if sender.wire.dry else f"{sender.wire.sent} packets")
    canvas.text_right(canvas.width - 1, y, said, ink.BAD if trouble else PLAIN)


def _along(index: int, count: int) -> float:
    """Return where a cell's middle is between -1 and 1."""
    return (2 * index + 1) / count - 1
