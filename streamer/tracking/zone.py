"""One zone: listens, estimates, and says what it hears."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor

from streamer.audio import Source, open_source
from streamer.config import Tracking, Zone
from streamer.engines import Engine
from streamer.errors import StreamerError
from streamer.retry import Backoff, Sparing
from streamer.tracking.latest import Latest
from streamer.tracking.listener import Listener, Window
from streamer.tracking.trajectory import Trajectory, infer
from streamer.tracking.update import Update

logger = logging.getLogger(__name__)


class ZoneTracker:
    """Tracks one zone from its source to its updates.

    Sound is heard in the event loop, a fifth of a millisecond a block; the engine runs in a worker
    thread. Between them is one slot: while the engine is busy, an older window gives way.

    Parameters
    ----------
    zone, tracking
        The zone and how to track.
    engine
        Shared with the other zones.
    workers
        Where the engine runs.
    on_update
        Called in the event loop with the zone's name and each update; must not block.

    Attributes
    ----------
    source, listener, trajectory
        Those of the present attempt; None before the first.
    estimates, dropped
        Updates given, and windows the engine did not come to.
    trouble
        Why the zone is not tracking; empty while it is.
    ended
        Whether it will not track any more: its sound has ended or cannot be read further.
    last
        The last update.
    """

    def __init__(
        self,
        zone: Zone,
        tracking: Tracking,
        engine: Engine,
        workers: Executor,
        on_update: Callable[[str, Update], None],
    ) -> None:
        self.id = zone.id
        self.input = zone.input
        self.source: Source | None = None
        self.listener: Listener | None = None
        self.trajectory: Trajectory | None = None
        self.estimates = 0
        self.dropped = 0
        self.trouble = ""
        self.ended = False
        self.last: Update | None = None
        self._zone = zone
        self._tracking = tracking
        self._engine = engine
        self._workers = workers
        self._on_update = on_update

    async def run(self) -> None:
        """Track until the sound ends. A failure restarts this zone alone, after a pause.

        Raises
        ------
        StreamerError
            The source could not be opened at all, or broke off where it cannot begin again.
        """
        backoff, sparing = Backoff(), Sparing()
        while True:
            begun = time.monotonic()
            try:
                await self._track()
            except* StreamerError as failures:
                self.ended, self.trouble = True, str(failures.exceptions[0])
                raise failures.exceptions[0] from None
            except* Exception as failures:
                self.trouble = str(failures.exceptions[0])
                if sparing.may_say(self.trouble):
                    logger.exception("zone %s failed and starts again", self.id)
            else:
                self.ended = True
                return
            await asyncio.sleep(backoff.delay(time.monotonic() - begun))

    async def _track(self) -> None:
        engine, tracking = self._engine, self._tracking
        async with open_source(self._zone) as source:
            self.source = source
            self.listener = Listener(source.rate, engine.front_end, tracking.rate)
            self.trajectory = Trajectory(
                engine.front_end.sample_rate,
                tracking.smoother,
                engine.smoothing,
                tracking.on_silence,
            )
            windows: Latest[Window] = Latest()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(source, self.listener, windows))
                tasks.create_task(self._estimate(windows, self.trajectory))

    async def _listen(self, source: Source, listener: Listener, windows: Latest[Window]) -> None:
        async for block in source.blocks():
            self.trouble = ""
            for window in listener.push(block):
                windows.put(window)
        for window in listener.finish():
            windows.put(window)
        windows.close()

    async def _estimate(self, windows: Latest[Window], trajectory: Trajectory) -> None:
        loop = asyncio.get_running_loop()
        dropped_before = self.dropped
        async for window in windows:
            [raw] = await loop.run_in_executor(self._workers, infer, self._engine, [window])
            self.dropped = dropped_before + windows.dropped
            self.estimates += 1
            self.last = trajectory.step(window, raw)
            self._on_update(self.id, self.last)
