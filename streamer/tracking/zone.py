"""One zone: listens, estimates, and says what it hears."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from streamer import logs
from streamer.audio import (
    ZONE_RATE,
    Block,
    Source,
    is_recoverable,
    open_source,
    pin_device,
    zone_sample,
)
from streamer.config import Tracking, Zone
from streamer.decoder.urls import is_url, redact_url
from streamer.errors import EngineError, StreamerError
from streamer.helpers import Backoff
from streamer.tracking.batching import Inference
from streamer.tracking.calibration import Calibration
from streamer.tracking.correction import Correction
from streamer.tracking.gain import Gain
from streamer.tracking.latest import Latest
from streamer.tracking.rate_control import Pace
from streamer.tracking.trajectory import Trajectory
from streamer.tracking.update import STALE, Update
from streamer.tracking.windows import Listener, Window

DEVICE_PAUSE = 2.0
"""Longest pause in seconds before a lost microphone, or a file that loops, is tried again."""

REMOTE_PAUSE = 10.0
"""Longest pause in seconds before a lost network stream is tried again."""

logger = logging.getLogger(__name__)


class Losses(NamedTuple):
    """Counts of a source: see `streamer.audio.Source`."""

    overruns: int = 0
    non_finite: int = 0
    clipped: int = 0


class ZoneTracker:
    """Tracks one zone from its source to its updates.

    Sound is heard in the event loop, a millisecond a tick; the engine runs in a worker thread.
    Between them is one slot: while the engine is busy, an older window gives way. Where that is so
    for long, estimates are made less often; the sound goes on being heard whatever the engine does.

    A microphone or a network stream that is lost is opened anew until it is back; the zone's time
    and its trajectory go on over the gap.

    Parameters
    ----------
    zone, tracking
        The zone and how to track.
    inference
        Shared with the other zones.
    on_update
        Called in the event loop with the zone's name and each update; must not block.
    on_sound
        Called alike with each block that is heard.

    Attributes
    ----------
    input
        What it listens to, for people: a URL without user, password and query.
    source_name
        The same as its source tells it, once one was opened.
    tracking
        How it tracks now.
    pace
        How many estimates a second it makes now.
    gain
        What its sound passes first.
    source, listener
        Those of the present attempt; None while there is none.
    trajectory
        The zone's, over all attempts.
    estimates, dropped
        Updates given, and windows that were left out: the engine did not come to them, failed, or
        its answer was stale.
    restarts
        How often the sound was lost and came back.
    trouble
        Why the sound is not heard; empty while it is.
    engine_trouble
        Why the last window was not estimated; empty where it was.
    ended
        Whether it will not track any more: its sound has ended or cannot be read further.
    last
        The last update.
    """

    def __init__(
        self,
        zone: Zone,
        tracking: Tracking,
        inference: Inference,
        on_update: Callable[[str, Update], None],
        on_sound: Callable[[str, Block], None] = lambda _zone, _block: None,
    ) -> None:
        self.id = zone.id
        self.input = redact_url(zone.input) if is_url(zone.input) else zone.input
        self.source_name = self.input
        self.returns = is_recoverable(zone)
        self.source: Source | None = None
        self.listener: Listener | None = None
        engine = inference.engine
        self.trajectory = Trajectory(
            engine.front_end.sample_rate,
            tracking.smoother,
            engine.smoothing,
            tracking.on_silence,
        )
        self.tracking = tracking
        self.pace = Pace(tracking.rate)
        self.gain = Gain(engine.front_end.sample_rate, automatic=zone.auto_gain)
        self.estimates = 0
        self.dropped = 0
        self.restarts = 0
        self.trouble = ""
        self.engine_trouble = ""
        self.ended = False
        self.last: Update | None = None
        self._zone = zone
        self._inference = inference
        self._on_update = on_update
        self._on_sound = on_sound
        self._opened = contextlib.AsyncExitStack()
        self._heard: tuple[int, float] | None = None  # zone time's end so far, when captured
        self._gaps = 0  # of earlier attempts
        self._losses = Losses()  # of earlier attempts
        self._lost_at: float | None = None
        self._arrived: float | None = None

    @property
    def waiting(self) -> float:
        """Seconds since sound arrived last; 0 before the first."""
        return time.monotonic() - self._arrived if self._arrived is not None else 0.0

    @property
    def gaps(self) -> int:
        """Interruptions of the sound since the start."""
        return self._gaps + (self.listener.gaps if self.listener else 0)

    @property
    def losses(self) -> Losses:
        """What was lost or cleaned on the way in since the start."""
        if self.source is None:
            return self._losses
        past, now = self._losses, self.source
        return Losses(
            past.overruns + now.overruns,
            past.non_finite + now.non_finite,
            past.clipped + now.clipped,
        )

    async def open(self) -> None:
        """Open what the zone listens to; `run` begins with it.

        Raises
        ------
        StreamerError
            It cannot be opened.
        """
        try:
            self.source = await self._opened.enter_async_context(open_source(self._zone))
        except StreamerError as error:
            self.trouble = str(error)
            raise
        self.source_name = self.source.name
        self._zone = pin_device(self._zone, self.source)

    def retune(self, tracking: Tracking) -> None:
        """Track in another way from here on; the trajectory goes on where it is."""
        self.tracking = tracking
        self.trajectory.retune(tracking.smoother, tracking.on_silence)
        self.pace = Pace(tracking.rate)
        if self.listener is not None:
            self.listener.retune(tracking.rate)
        self._keep_pace()

    def calibrate(self, calibration: Calibration | None) -> None:
        """Hear and estimate by this calibration from here on; None undoes it."""
        self.gain.set(calibration.gain_db if calibration else 0.0)
        self.trajectory.correction = calibration.correction if calibration else Correction()

    async def close(self) -> None:
        """Close what is open; more than once is fine."""
        self._losses = self.losses
        self.source = None
        await self._opened.aclose()

    async def run(self) -> None:
        """Track until the sound ends. A failure restarts this zone alone, after a pause.

        Raises
        ------
        StreamerError
            The sound cannot be had, and is none that may return.
        """
        with logs.log_context(zone=self.id):
            await self._run()

    async def _run(self) -> None:
        backoff = Backoff(maximum=REMOTE_PAUSE if is_url(self._zone.input) else DEVICE_PAUSE)
        while True:
            begun = time.monotonic()
            try:
                if self.source is None:
                    await self.open()
                await self._track()
            except* StreamerError as failures:
                error = failures.exceptions[0]
                self.trouble = str(error)
                if not self.returns:
                    self.ended = True
                    raise error from None
                logger.warning("%s; trying again", error)
            except* Exception as failures:
                self.trouble = str(failures.exceptions[0])
                logger.exception("the zone failed and starts again")
            else:
                self.ended = True
                return
            finally:
                await self.close()
            if self._lost_at is None:
                self._lost_at = time.monotonic()
            await asyncio.sleep(backoff.next_delay(self._healthy_seconds(begun)))

    async def _track(self) -> None:
        assert self.source is not None  # noqa: S101 - opened by `run`
        windows: Latest[Window] = Latest()
        with logs.log_context(source=self.source.name):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(self.source, windows))
                tasks.create_task(self._estimate(windows))

    async def _listen(self, source: Source, windows: Latest[Window]) -> None:
        listener: Listener | None = None
        async for block in source.blocks():
            if listener is None:
                listener = self.listener = self._begin(source.rate, block)
            self._arrived = time.monotonic()
            self._on_sound(self.id, block)
            for window in listener.push(block):
                windows.put(window)
            source.wake_at = listener.next_tick
            self._heard = (
                listener.origin + zone_sample(block.end_sample, source.rate),
                block.captured + len(block.samples) / source.rate,
            )
        windows.close()

    def _begin(self, rate: int, block: Block) -> Listener:
        """Let zone time go on where this source's sound was captured."""
        origin = 0
        if self._heard is not None:
            end, captured = self._heard
            origin = end + max(0, round((block.captured - captured) * ZONE_RATE))
            self._gaps = self.gaps + 1
            self.restarts += 1
        if self._lost_at is not None:
            lasted = time.monotonic() - self._lost_at
            cause = f"back after: {self.trouble}"
            logger.info("the sound is back after %.1f s", lasted, extra={"cause": cause})
            self._lost_at = None
        self.trouble = ""
        spec = self._inference.engine.front_end
        listener = Listener(rate, spec, self.tracking.rate, origin=origin, gain=self.gain)
        listener.thin_out(self.pace.every)
        return listener

    def _healthy_seconds(self, begun: float) -> float:
        heard = self._heard[1] if self._heard else begun
        return max(heard - begun, 0.0)

    async def _estimate(self, windows: Latest[Window]) -> None:
        before, left_out = self.dropped, 0
        async for window in windows:
            update = None if _stale(window) else await self._update(window)
            left_out += update is None
            self.dropped = before + windows.dropped + left_out
            if update is not None:
                self.estimates += 1
                self.last = update
                self._on_update(self.id, update)

    async def _update(self, window: Window) -> Update | None:
        """Return what a window says, None where the engine fails or is too late."""
        asked = time.monotonic()
        try:
            raw = await self._inference.ask(window)
        except EngineError as error:
            self.engine_trouble = str(error)
            said = "no estimate: %s; trying again"
            logger.warning(said, error, extra={"cause": "engine"})
            return None
        if self.engine_trouble:
            logger.info("the engine answers again", extra={"cause": self.engine_trouble})
            self.engine_trouble = ""
        if self.pace.answered(time.monotonic() - asked):
            self._keep_pace()
            self._tell_pace()
        return None if _stale(window) else self.trajectory.step(window, raw)

    def _keep_pace(self) -> None:
        if self.listener is not None:
            self.listener.thin_out(self.pace.every)
            if self.source is not None:
                self.source.wake_at = self.listener.next_tick

    def _tell_pace(self) -> None:
        pace = self.pace
        if pace.slowed:
            said = "the machine is too slow: %.3g of %.3g estimates a second are made"
            logger.warning(said, pace.rate, pace.wanted, extra={"cause": "slow"})
        else:
            logger.info("%.3g estimates a second again", pace.rate, extra={"cause": "fast"})


def _stale(window: Window) -> bool:
    return time.monotonic() - window.captured > STALE
