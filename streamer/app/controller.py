"""Carries out what people ask of running zones: commands, and calibrations that take a while."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamer.app.reload import Reload
from streamer.audio import Block
from streamer.config import Tracking, Zone
from streamer.errors import StreamerError
from streamer.mqtt import Ack, Command, CommandError, Controls
from streamer.mqtt.commands import CommandValue, ResponseTarget
from streamer.tracking.calibration import Calibration, CalibrationStore, Levels, by_level
from streamer.tracking.zone import ZoneTracker

PATIENCE = 30.0
"""Seconds that a calibration waits for sound beyond the time in which it listens."""

logger = logging.getLogger(__name__)


@dataclass
class _Listening:
    """A calibration that listens to a zone."""

    reply: ResponseTarget
    seconds: float
    levels: Levels | None = None
    enough: asyncio.Event = field(default_factory=asyncio.Event)


class Control:
    """Turns the knobs of the zones.

    Parameters
    ----------
    zones
        As they are configured.
    trackers
        By the names of the zones.
    store
        Where calibrations are kept.
    reload
        Reads the configuration again; raises `StreamerError` where that is wrong.
    answer
        Takes an answer that comes later than the command.
    show
        Takes how a zone is set, whenever that changes.

    Attributes
    ----------
    answer
        The same.
    """

    def __init__(
        self,
        zones: Mapping[str, Zone],
        trackers: Mapping[str, ZoneTracker],
        store: CalibrationStore,
        *,
        reload: Callable[[], Reload],
        answer: Callable[[ResponseTarget, Ack], None],
        show: Callable[[str, Controls], None],
    ) -> None:
        self._zones = zones
        self._trackers = trackers
        self._store = store
        self._reload = reload
        self.answer = answer
        self._show = show
        self._listening: dict[str, _Listening] = {}
        self._used: dict[str, Calibration | None] = {}
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, tracking: Tracking) -> None:
        """Let every zone track in this way, by the calibrations that are kept now."""
        for name, tracker in self._trackers.items():
            tracker.retune(tracking)
            calibration = self._store.get(self._zones[name])
            if calibration != self._used.get(name):
                self._use(name, calibration)
            self._show_zone(name)

    def execute(self, command: Command) -> CommandValue | None:
        """Carry out a command; return the value in effect.

        Raises
        ------
        CommandError
            It cannot be done; the message says why.
        """
        tracker = self._trackers[command.zone]
        match command.name:
            case "smoothing":
                self._retune(tracker, smoother=command.value)
            case "rate":
                self._retune(tracker, rate=command.value)
            case "freeze":
                tracker.trajectory.frozen = bool(command.value)
            case "calibrate" if isinstance(command.value, str):
                self._forget(command)
            case "calibrate":
                return self._calibrate(command)
            case "reload":
                return self._reload_now()
        self._show_zone(command.zone)
        return command.value

    def controls(self, zone: str) -> Controls:
        """Return how a zone is set now."""
        tracker = self._trackers[zone]
        return Controls(
            smoothing=tracker.tracking.smoother,
            rate=tracker.tracking.rate,
            freeze=tracker.trajectory.frozen,
            gain_db=tracker.gain.fixed,
            calibrating=zone in self._listening,
        )

    def hear(self, zone: str, block: Block) -> None:
        """Take a block that a zone heard; a calibration may have heard enough with it."""
        listening, source = self._listening.get(zone), self._trackers[zone].source
        if listening is None or source is None:
            return
        if listening.levels is None:
            listening.levels = Levels(source.rate)
        listening.levels.push(block)
        if listening.levels.seconds >= listening.seconds:
            listening.enough.set()

    async def close(self) -> None:
        """End calibrations that listen, and finish what is being kept."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _retune(self, tracker: ZoneTracker, **values: CommandValue) -> None:
        tracker.retune(tracker.tracking.model_copy(update=values))

    def _calibrate(self, command: Command) -> CommandValue:
        zone = command.zone
        if zone in self._listening:
            raise CommandError("a calibration is listening already")
        if self._trackers[zone].trouble or self._trackers[zone].ended:
            raise CommandError("the zone hears nothing")
        listening = _Listening(command.respond_to, float(command.value))
        self._listening[zone] = listening
        self._show_zone(zone)
        self._do(self._listen(zone, listening))
        return f"listening for {command.value:g} s"

    async def _listen(self, zone: str, listening: _Listening) -> None:
        """Wait until enough was heard, then calibrate and answer."""
        reply = listening.reply
        try:
            async with asyncio.timeout(listening.seconds + PATIENCE):
                await listening.enough.wait()
            if self._listening.get(zone) is not listening:
                self.answer(reply, reply.rejected("a reset ended it"))
                return
            levels = listening.levels.dbfs if listening.levels is not None else []
            calibration = by_level(self._zones[zone], levels, self._used.get(zone))
            self._use(zone, calibration)
            await self._keep(zone, calibration)
        except TimeoutError:
            self.answer(reply, reply.rejected("the sound was lost meanwhile"))
        except StreamerError as error:
            logger.warning("%s", error, extra={"zone": zone})
            self.answer(reply, reply.rejected(str(error)))
        else:
            self.answer(reply, reply.ok(calibration.gain_db))
        finally:
            if self._listening.get(zone) is listening:
                del self._listening[zone]
            self._show_zone(zone)

    def _forget(self, command: Command) -> None:
        """Undo a zone's calibration; one that listens ends."""
        listening = self._listening.pop(command.zone, None)
        if listening is not None:
            listening.enough.set()
        self._use(command.zone, None)
        self._do(self._keep_or_tell(command))

    async def _keep_or_tell(self, command: Command) -> None:
        try:
            await self._keep(command.zone, None)
        except StreamerError as error:
            logger.warning("%s", error, extra={"zone": command.zone})
            self.answer(command.respond_to, command.respond_to.rejected(str(error)))

    def _use(self, zone: str, calibration: Calibration | None) -> None:
        self._used[zone] = calibration
        self._trackers[zone].calibrate(calibration)
        logger.info("calibration: %s", calibration or "none", extra={"zone": zone})

    async def _keep(self, zone: str, calibration: Calibration | None) -> None:
        async with self._writing:  # in a thread: a disk may take its time
            await asyncio.to_thread(self._store.put, zone, calibration)

    def _reload_now(self) -> str:
        try:
            change = self._reload()
        except StreamerError as error:
            raise CommandError(f"the configuration stays as it was: {error}") from None
        return f"read again; changed: {', '.join(change.taken) or 'nothing'}"

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _show_zone(self, zone: str) -> None:
        self._show(zone, self.controls(zone))
