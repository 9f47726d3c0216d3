"""Execute commands on running zones: smoothing, rate, freeze, calibration, reload."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamer.app.reloadable import ReloadResult
from streamer.audio import Block
from streamer.config import Tracking, Zone
from streamer.errors import StreamerError
from streamer.mqtt import Ack, Command, CommandError, Controls
from streamer.mqtt.commands import CommandValue, ResponseTarget
from streamer.tracking.calibration import (
    Calibration,
    CalibrationStore,
    LevelMeter,
    calibrate_by_level,
)
from streamer.tracking.zone import ZoneTracker

CALIBRATION_GRACE = 30.0
"""Seconds that a calibration waits for audio beyond the time for which it measures."""

logger = logging.getLogger(__name__)


@dataclass
class _Measurement:
    """A calibration that measures the level of a zone."""

    reply: ResponseTarget
    seconds: float
    meter: LevelMeter | None = None
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class Controller:
    """Executes commands on the zones and applies reloaded settings to them.

    Belongs to the event loop's thread.

    Parameters
    ----------
    zones
        Configured zones by id.
    trackers
        Their trackers by zone id.
    store
        File of calibrations.
    reload
        Reloads the configuration; raises `StreamerError` if it is invalid.
    send_ack
        Sends an answer that comes later than the command.
    on_controls
        Called with the controls of a zone whenever they change.
    """

    def __init__(
        self,
        zones: Mapping[str, Zone],
        trackers: Mapping[str, ZoneTracker],
        store: CalibrationStore,
        *,
        reload: Callable[[], ReloadResult],
        send_ack: Callable[[ResponseTarget, Ack], None],
        on_controls: Callable[[str, Controls], None],
    ) -> None:
        self._zones = zones
        self._trackers = trackers
        self._store = store
        self._reload = reload
        self._send_ack = send_ack
        self._on_controls = on_controls
        self._measurements: dict[str, _Measurement] = {}
        self._calibrations: dict[str, Calibration | None] = {}
        self._write_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def apply(self, tracking: Tracking) -> None:
        """Apply tracking settings and the stored calibrations to every zone."""
        for name, tracker in self._trackers.items():
            tracker.configure(tracking)
            calibration = self._store.get_valid(self._zones[name])
            if calibration != self._calibrations.get(name):
                self._use(name, calibration)
            self._publish_controls(name)

    def execute(self, command: Command) -> CommandValue | None:
        """Execute a command; return the value in effect.

        Raises
        ------
        CommandError
            The command cannot be executed; the message is the reason.
        """
        tracker = self._trackers[command.zone]
        match command.name:
            case "smoothing":
                self._retune(tracker, smoother=command.value)
            case "rate":
                self._retune(tracker, rate=command.value)
            case "freeze":
                tracker.trajectory.hold_output = bool(command.value)
            case "calibrate" if isinstance(command.value, str):
                self._reset_calibration(command)
            case "calibrate":
                return self._start_calibration(command)
            case "reload":
                return self._execute_reload()
        self._publish_controls(command.zone)
        return command.value

    def send_ack(self, reply: ResponseTarget, ack: Ack) -> None:
        """Send the answer to a command that did not arrive over MQTT."""
        self._send_ack(reply, ack)

    def controls(self, zone: str) -> Controls:
        """Return the present settings of a zone."""
        tracker = self._trackers[zone]
        return Controls(
            smoothing=tracker.tracking.smoother,
            rate=tracker.tracking.rate,
            freeze=tracker.trajectory.hold_output,
            gain_db=tracker.gain.fixed_db,
            calibrating=zone in self._measurements,
        )

    def offer_audio(self, zone: str, block: Block, rate: int) -> None:
        """Measure a captured block of a zone, at `rate` Hz, if a calibration is running."""
        measurement = self._measurements.get(zone)
        if measurement is None:
            return
        if measurement.meter is None:
            measurement.meter = LevelMeter(rate)
        measurement.meter.push(block)
        if measurement.meter.seconds >= measurement.seconds:
            measurement.complete.set()

    async def close(self) -> None:
        """Cancel running calibrations and finish writing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _retune(self, tracker: ZoneTracker, **values: CommandValue) -> None:
        tracker.configure(tracker.tracking.model_copy(update=values))

    def _start_calibration(self, command: Command) -> CommandValue:
        zone = command.zone
        if zone in self._measurements:
            raise CommandError("a calibration is already running; wait for it or send reset")
        status = self._trackers[zone].status
        if status.last_error or status.ended:
            raise CommandError("the zone has no audio; restore its input first")
        measurement = _Measurement(command.respond_to, float(command.value))
        self._measurements[zone] = measurement
        self._publish_controls(zone)
        self._start_task(self._calibrate(zone, measurement))
        return f"listening for {command.value:g} s"

    async def _calibrate(self, zone: str, measurement: _Measurement) -> None:
        """Wait for enough audio, then calibrate, store and send the answer."""
        reply = measurement.reply
        try:
            async with asyncio.timeout(measurement.seconds + CALIBRATION_GRACE):
                await measurement.complete.wait()
            if self._measurements.get(zone) is not measurement:
                self._send_ack(reply, reply.rejected("cancelled by a reset"))
                return
            levels = measurement.meter.levels if measurement.meter is not None else []
            calibration = calibrate_by_level(
                self._zones[zone], levels, self._calibrations.get(zone)
            )
            self._use(zone, calibration)
            await self._write(zone, calibration)
        except TimeoutError:
            self._send_ack(reply, reply.rejected("the audio was lost meanwhile"))
        except StreamerError as error:
            logger.warning("%s", error, extra={"zone": zone})
            self._send_ack(reply, reply.rejected(str(error)))
        else:
            self._send_ack(reply, reply.ok(calibration.gain_db))
        finally:
            if self._measurements.get(zone) is measurement:
                del self._measurements[zone]
            self._publish_controls(zone)

    def _reset_calibration(self, command: Command) -> None:
        """Remove a zone's calibration and cancel a running one."""
        measurement = self._measurements.pop(command.zone, None)
        if measurement is not None:
            measurement.complete.set()
        self._use(command.zone, None)
        self._start_task(self._write_reset(command))

    async def _write_reset(self, command: Command) -> None:
        try:
            await self._write(command.zone, None)
        except StreamerError as error:
            logger.warning("%s", error, extra={"zone": command.zone})
            self._send_ack(command.respond_to, command.respond_to.rejected(str(error)))

    def _use(self, zone: str, calibration: Calibration | None) -> None:
        self._calibrations[zone] = calibration
        tracker = self._trackers[zone]
        if calibration is None:
            tracker.calibrate()
        else:
            tracker.calibrate(calibration.gain_db, calibration.correction)
        logger.info("calibration: %s", calibration or "none", extra={"zone": zone})

    async def _write(self, zone: str, calibration: Calibration | None) -> None:
        async with self._write_lock:  # in a thread: the disk may be slow
            await asyncio.to_thread(self._store.put, zone, calibration)

    def _execute_reload(self) -> str:
        try:
            result = self._reload()
        except StreamerError as error:
            raise CommandError(f"configuration not reloaded: {error}") from None
        return f"reloaded; changed: {', '.join(result.applied) or 'nothing'}"

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _publish_controls(self, zone: str) -> None:
        self._on_controls(zone, self.controls(zone))
