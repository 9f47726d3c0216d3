"""Live view of `streamer run` in a terminal, and its one-line summary for logs.

A thread of its own draws the newest state, at most 6 times a second. The event loop never waits
for the terminal, so that one that stalls delays nothing else.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.segment import Segment

from streamer import logs
from streamer.outputs.run_status import RunStatus
from streamer.outputs.sink import Sink
from streamer.outputs.terminal.history import History, decibels, signed
from streamer.outputs.terminal.screen import Scene, ZoneScene, draw
from streamer.tracking.mood import mood
from streamer.tracking.update import Update

MAX_FRAME_RATE = 6
"""Most frames per second."""

CLOSE_TIMEOUT_S = 2.0
"""Longest wait for a stalled terminal when the view closes, in seconds."""

_REPAINT_INTERVAL = 5.0  # seconds between complete frames


class LiveView(Sink):
    """Full-screen view of the zones in a terminal.

    Parameters
    ----------
    zones
        Input of each zone, by the zone's name; the first is shown in full.
    topic
        Base topic.
    broker
        Address of the broker; user and password are not shown.
    page
        Address of the dashboard; empty if off.
    console
        Terminal to draw on. Default: standard output.
    clock
        Monotonic time in seconds.
    run
        The run whose broker and sources are shown; None to set them by `set_broker`, `set_source`.

    Examples
    --------
    >>> view = LiveView({"main": "demo"}, topic="streamer/studio")
    >>> async with asyncio.TaskGroup() as group:
    ...     drawing = group.create_task(view.run())
    ...     view.offer_update("main", update)
    """

    def __init__(
        self,
        zones: Mapping[str, str],
        *,
        topic: str,
        broker: str = "",
        page: str = "",
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        run: RunStatus | None = None,
    ) -> None:
        self._run = run
        self._zones = dict(zones)
        self._histories = {zone: History() for zone in zones}
        self._topic = topic
        self._page = page
        self._console = Console() if console is None else console
        self._clock = clock
        self._connected: bool | None = None
        self._broker = ""
        self.set_broker(broker, connected=None)

    @staticmethod
    def suits(console: Console) -> bool:
        """Whether the console is a terminal with the characters that the view needs."""
        return (
            console.is_terminal
            and not console.is_dumb_terminal
            and console.encoding.lower().startswith("utf")
        )

    def offer_update(self, zone: str, update: Update) -> None:
        """Show a zone's newest update and its latency."""
        now = self._clock()
        self._histories[zone].add(update, (now - update.captured) * 1e3, now)

    def set_broker(self, address: str, *, connected: bool | None) -> None:
        """Set the broker to show; `connected` is None during the first attempt."""
        self._broker = re.sub(r"//[^/]*@", "//", address)
        self._connected = connected

    def set_source(self, zone: str, source: str) -> None:
        """Set the input to show for a zone."""
        self._zones[zone] = source

    def scene(self, messages: Sequence[logging.LogRecord] = ()) -> Scene:
        """Return the current state to draw.

        Parameters
        ----------
        messages
            Log messages; the last is shown.
        """
        self._read_run()
        now = self._clock()
        zones = [
            ZoneScene(zone, source, history.points(), history.rate(now), history.latency(now))
            for (zone, source), history in zip(
                self._zones.items(), self._histories.values(), strict=True
            )
        ]
        last = messages[-1] if messages else None
        return Scene(
            now=now,
            zones=tuple(zones),
            broker=self._broker,
            topic=self._topic,
            connected=self._connected,
            page=self._page,
            message="" if last is None else logs.format_record(last),
            is_warning=last is not None and last.levelno >= logging.WARNING,
        )

    def _read_run(self) -> None:
        if self._run is not None:
            self.set_broker(self._run.broker.address, connected=self._run.broker.connected)
            for zone, tracker in self._run.trackers.items():
                self.set_source(zone, tracker.source.name)

    async def run(self) -> None:
        """Draw until cancelled; then restore the terminal and write the deferred log messages."""
        painter = _Painter(self._console, self._clock)
        try:
            while painter.error is None:
                painter.offer(self.scene(painter.messages))
                await asyncio.sleep(1 / MAX_FRAME_RATE)
            raise painter.error
        finally:
            await painter.close()


def summary_line(
    zone: str, update: Update, *, rate: float | None = None, latency_ms: float | None = None
) -> str:
    """Return the state of a zone on one line, for the log.

    Parameters
    ----------
    zone
        Name of the zone.
    update
        Newest update.
    rate
        Estimates per second, if known.
    latency_ms
        Median latency in milliseconds, if known.
    """
    here = update.smooth
    parts = [
        f"{zone}: {'silence' if update.silence else mood(here.valence, here.arousal)}",
        f"valence {signed(here.valence)} ± {here.valence_std:.2f}",
        f"arousal {signed(here.arousal)} ± {here.arousal_std:.2f}",
        decibels(update.level),
    ]
    if update.warm < 1:
        parts.append(f"warming up {update.warm:.0%}")
    if rate is not None:
        parts.append(f"{rate:.1f}/s")
    if latency_ms is not None:
        parts.append(f"latency {latency_ms:.0f} ms")
    return "  ".join(parts)


class _Painter:
    """Thread that owns the terminal and draws the newest scene; the event loop never waits for it.

    Only rows that changed are written, and every few seconds all of them, in case another program
    wrote to the terminal.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self.messages: Sequence[logging.LogRecord] = ()
        self.error: Exception | None = None
        self._console = console
        self._clock = clock
        self._scene: Scene | None = None
        self._closed = False
        self._wake = threading.Event()
        self._rows: list[list[Segment]] = []
        self._size = (0, 0)
        self._repainted = clock()
        self._thread = threading.Thread(target=self._run, name="live view", daemon=True)
        self._thread.start()

    def offer(self, scene: Scene) -> None:
        """Draw a scene next, in place of one that is not drawn yet."""
        self._scene = scene
        self._wake.set()

    async def close(self) -> None:
        """Restore the terminal; give up after `CLOSE_TIMEOUT_S` if it stalls."""
        self._closed = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        screen = self._console.screen(hide_cursor=True)
        try:
            with logs.deferred_terminal_logs() as self.messages, screen:
                while True:
                    self._wake.wait()
                    self._wake.clear()
                    if self._closed:
                        return
                    if self._scene is not None:
                        self._paint(self._scene)
        except Exception as error:  # noqa: BLE001 - raised by `LiveView.run`
            self.error = error

    def _paint(self, scene: Scene) -> None:
        width, height = self._console.size
        rows = list(draw(scene, width, height).rows())
        now = self._clock()
        if (width, height) != self._size or now - self._repainted > _REPAINT_INTERVAL:
            self._size, self._repainted, self._rows = (width, height), now, []
        changed = [
            (y, row) for y, row in enumerate(rows) if y >= len(self._rows) or row != self._rows[y]
        ]
        self._rows = rows
        self._console.print(_Rows(changed), end="", crop=False)


class _Rows:
    """Rows to write at their positions."""

    def __init__(self, rows: Iterable[tuple[int, list[Segment]]]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for y, row in self._rows:
            yield Control.move_to(0, y).segment
            yield from row
