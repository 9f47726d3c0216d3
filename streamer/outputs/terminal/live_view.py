"""Live view of `streamer run` in a terminal, and its one-line summary for logs.

`offer_update` only stores a reference; a thread draws at most 6 times a second, so that a stalled
terminal stalls nothing else.
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

FRAMES = 6
"""Pictures a second, at most."""

_REPAINT = 5.0


class LiveView(Sink):
    """A picture of the zones that fills the terminal while `run` runs.

    Parameters
    ----------
    zones
        What each zone listens to, by the zone's name; the first is shown large.
    topic
        Base of the topics.
    broker
        Address of the broker; a user name and a password in it are not shown.
    page
        Address of the dashboard; empty where none is served.
    console
        Where to draw; standard output by default.
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
        """Whether the console is a terminal that can show the view."""
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
        """Show this broker; None while a connection is tried for the first time."""
        self._broker = re.sub(r"//[^/]*@", "//", address)
        self._connected = connected

    def set_source(self, zone: str, source: str) -> None:
        """Show this as what the zone listens to."""
        self._zones[zone] = source

    def scene(self, messages: Sequence[logging.LogRecord] = ()) -> Scene:
        """Return what is known now, to draw it.

        Parameters
        ----------
        messages
            Log messages; the last one is shown.
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
            alarming=last is not None and last.levelno >= logging.WARNING,
        )

    def _read_run(self) -> None:
        if self._run is not None:
            self.set_broker(self._run.broker.address, connected=self._run.broker.connected)
            for zone, tracker in self._run.trackers.items():
                self.set_source(zone, tracker.source.name)

    async def run(self) -> None:
        """Draw until cancelled; afterwards the terminal is as it was, and log messages follow."""
        with logs.deferred_terminal_logs() as messages, self._console.screen(hide_cursor=True):
            painter = _Painter(self._console, self._clock)
            try:
                while True:
                    await asyncio.to_thread(painter.paint, self.scene(messages))
                    await asyncio.sleep(1 / FRAMES)
            finally:
                painter.close()


def summary_line(
    zone: str, update: Update, *, rate: float | None = None, latency_ms: float | None = None
) -> str:
    """Return a zone's state on one line, for a log.

    Parameters
    ----------
    zone
        Its name.
    update
        Its newest update.
    rate
        Estimates per second, where known.
    latency_ms
        Median latency, where known.
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
    """Writes the rows that changed; now and then all of them, in case others wrote too."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._rows: list[list[Segment]] = []
        self._size = (0, 0)
        self._whole = clock()

    def paint(self, scene: Scene) -> None:
        """Bring the terminal up to date."""
        with self._lock:
            if self._closed:
                return
            width, height = self._console.size
            rows = list(draw(scene, width, height).rows())
            now = self._clock()
            if (width, height) != self._size or now - self._whole > _REPAINT:
                self._size, self._whole, self._rows = (width, height), now, []
            changed = [
                (y, row)
                for y, row in enumerate(rows)
                if y >= len(self._rows) or row != self._rows[y]
            ]
            self._rows = rows
            self._console.print(_Rows(changed), end="", crop=False)

    def close(self) -> None:
        """Let the terminal be; a picture that is being written is finished first."""
        with self._lock:
            self._closed = True


class _Rows:
    def __init__(self, rows: Iterable[tuple[int, list[Segment]]]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for y, row in self._rows:
            yield Control.move_to(0, y).segment
            yield from row
