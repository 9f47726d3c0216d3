"""Terminal preview of a show: palettes with the current point, fixtures, outputs.

::

    header      show file, zone                                   broker
    body        palettes over the plane        fixtures: colour, intensity, name
    outputs     one line each
    footer      current estimate or signal loss; last log message
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
from streamer.outputs.terminal.canvas import (
    AROUSAL,
    BAD,
    GOOD,
    GREY,
    PLAIN,
    TEXT,
    VALENCE,
    WARN,
    Canvas,
    shortened,
)
from streamer.outputs.terminal.history import signed
from streamer.tracking.mood import mood

_FRAME_RATE = 8  # Hz
_MAX_PALETTES = 3
_BAR_WIDTH = 10
_MAX_PLANE_WIDTH = 40


class Preview:
    """Full-screen preview of a light controller.

    Parameters
    ----------
    controller
        What to draw; only read.
    title
        Text at the top: the show file.
    console
        Default: standard output.
    clock
        Clock of the controller.
    """

    def __init__(
        self,
        controller: LightController,
        *,
        title: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._controller = controller
        self._title = title
        self._console = Console() if console is None else console
        self._clock = clock
        self._broker, self._connected = "", False
        self._plane_cache: dict[tuple[Gradient, int, int], list[list[Style]]] = {}

    def set_broker(self, address: str, *, connected: bool) -> None:
        """Set the broker in the header."""
        self._broker, self._connected = address, connected

    async def run(self) -> None:
        """Draw until cancelled; then restore the terminal and print the log messages."""
        with (
            logs.deferred_terminal_logs() as messages,
            Live(console=self._console, screen=True, auto_refresh=False) as live,
        ):
            while True:
                await asyncio.to_thread(self._paint, live, messages)
                await asyncio.sleep(1 / _FRAME_RATE)

    def _paint(self, live: Live, messages: Sequence[logging.LogRecord]) -> None:
        live.update(self.draw(*self._console.size, messages), refresh=True)

    def draw(self, width: int, height: int, messages: Sequence[logging.LogRecord] = ()) -> Canvas:
        """Return a frame of `width` by `height` cells."""
        canvas = Canvas(width, height)
        active = self._controller.active
        renderers = list(active.renderers.values())[: max(1, height // 4)]
        body = height - 6 - len(renderers)
        self._draw_header(canvas)
        used = {each.patched.fixture.palette for each in active.fixtures.values()}
        names = [name for name in active.gradients if name in used][:_MAX_PALETTES]
        across = min(_MAX_PLANE_WIDTH, width // 2)
        down = body // max(1, len(names))
        for index, name in enumerate(names):
            self._draw_plane(canvas, 1, 2 + index * down, across, down, name)
        x = across + 3 if names else 1
        _draw_fixtures(canvas, x, 2, body, self._controller.fixture_levels())
        canvas.text(1, 2 + body, "─" * (width - 2), GREY)
        for index, renderer in enumerate(renderers):
            _draw_output(canvas, 3 + body + index, renderer)
        self._draw_footer(canvas, messages)
        return canvas

    def _draw_header(self, canvas: Canvas) -> None:
        broker = self._broker if self._connected else f"not connected {self._broker}"
        broker = shortened(broker, canvas.width // 2)
        end = canvas.text_right(canvas.width - 1, 0, broker)
        mark = ("●", GOOD) if self._connected else ("○", BAD)
        canvas.text(end - 2, 0, *mark)
        x = canvas.text(1, 0, "streamer lights", TEXT)
        x = canvas.text(x + 2, 0, self._controller.zone, AROUSAL)
        canvas.text(x + 2, 0, shortened(self._title, max(0, end - 4 - x)), GREY)
        canvas.text(1, 1, "─" * (canvas.width - 2), GREY)

    def _draw_plane(
        self, canvas: Canvas, x: int, y: int, width: int, height: int, name: str
    ) -> None:
        """Draw a palette over the plane, with the current estimate as a point."""
        canvas.text(x, y, shortened(name, width), GREY)
        height -= 2
        if height < 1:
            return
        rows = self._plane_styles(self._controller.active.gradients[name], width, height)
        for row, styles in enumerate(rows):
            for column, style in enumerate(styles):
                canvas.put(x + column, y + 1 + row, " ", style)
        estimate = self._controller.latest
        if estimate is not None:
            column = round((1 + estimate.affect.valence) / 2 * (width - 1))
            row = round((1 - estimate.affect.arousal) / 2 * (height - 1))
            point = rows[row][column] + Style(color="#000000", bold=True)
            canvas.put(x + column, y + 1 + row, "○" if estimate.silence else "●", point)

    def _plane_styles(self, gradient: Gradient, width: int, height: int) -> list[list[Style]]:
        """Return the cells of a palette's plane, row by row; cached."""
        key = gradient, width, height
        if key not in self._plane_cache:
            if len(self._plane_cache) > 2 * _MAX_PALETTES:
                self._plane_cache.clear()
            self._plane_cache[key] = [
                [_cell_style(gradient, column, width, row, height) for column in range(width)]
                for row in range(height)
            ]
        return self._plane_cache[key]

    def _draw_footer(self, canvas: Canvas, messages: Sequence[logging.LogRecord]) -> None:
        y = canvas.height - 3
        canvas.text(1, y, "─" * (canvas.width - 2), GREY)
        estimate = self._controller.latest
        if estimate is None:
            canvas.text(1, y + 1, "waiting for estimates: dark", WARN)
        elif self._controller.signal_lost:
            age = self._clock() - estimate.time
            renderers = self._controller.active.renderers.values()
            master = min(renderer.clock.loss.master for renderer in renderers)
            reaction = "holding" if master == 1 else f"faded to {master:.0%}"
            canvas.text(1, y + 1, f"no estimates for {age:.0f} s: {reaction}", BAD)
        else:
            _draw_estimate(canvas, y + 1, estimate)
        end = canvas.text_right(canvas.width - 1, y + 2, "Ctrl-C stops", GREY)
        if messages:
            is_warning = messages[-1].levelno >= logging.WARNING
            message = shortened(logs.format_record(messages[-1]), end - 3)
            canvas.text(1, y + 2, message, WARN if is_warning else GREY)


def _draw_estimate(canvas: Canvas, y: int, estimate: TimedAffect) -> None:
    affect = estimate.affect
    x = canvas.text(1, y, f"valence {signed(affect.valence)}", VALENCE)
    x = canvas.text(x + 3, y, f"arousal {signed(affect.arousal)}", AROUSAL)
    word = "silence" if estimate.silence else mood(affect.valence, affect.arousal)
    canvas.text(x + 3, y, word, TEXT)


def _draw_fixtures(
    canvas: Canvas, x: int, y: int, height: int, levels: Sequence[FixtureLevel]
) -> None:
    shown = levels if len(levels) <= height else levels[: height - 1]
    for row, each in enumerate(shown, start=y):
        end = canvas.text(x, row, "████", Style(color=to_hex(each.color)))
        filled = round(each.intensity * _BAR_WIDTH)
        end = canvas.text(end + 1, row, "━" * filled, PLAIN)
        end = canvas.text(end, row, "╌" * (_BAR_WIDTH - filled), GREY)
        end = canvas.text(end, row, f"{each.intensity:5.0%}", TEXT)
        canvas.text(end + 2, row, shortened(each.name, max(0, canvas.width - 2 - end)))
    if len(shown) < len(levels):
        more = f"{len(levels) - len(shown)} more"
        canvas.text(x, y + height - 1, more, GREY)


def _draw_output(canvas: Canvas, y: int, renderer: Renderer) -> None:
    sender = renderer.sender
    error = sender.udp.last_error
    canvas.text(1, y, "●", BAD if error else GOOD)
    x = canvas.text(3, y, shortened(renderer.output.name, 16), TEXT)
    x = canvas.text(max(x, 18) + 2, y, sender.description, GREY)
    status = error or ("dry run" if sender.udp.dry_run else f"{sender.udp.sent} packets")
    canvas.text_right(canvas.width - 1, y, status, BAD if error else PLAIN)


def _cell_style(gradient: Gradient, column: int, width: int, row: int, height: int) -> Style:
    color = gradient.at(_cell_center(column, width), -_cell_center(row, height))
    return Style(bgcolor=to_hex(color))


def _cell_center(index: int, count: int) -> float:
    """Return the centre of a cell, from -1 to 1."""
    return (2 * index + 1) / count - 1
