"""Carries out what people ask of running zones: commands, and calibrations that take a while."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streamer.calibration import Calibration, CalibrationStore, by_level
from streamer.config import Tracking, Zone
from streamer.errors import StreamerError
from streamer.mqtt import Ack, Command, CommandError, Controls
from streamer.mqtt.commands import Reply, Value
from streamer.reload import Reload
from streamer.tracking import Update
from streamer.tracking.zone import ZoneTracker

logger = logging.getLogger(__name__)


@dataclass
class _Listening:
    """A calibration that listens to a zone."""

    reply: Reply
    seconds: float
    begun: float | None = None
    levels: list[float] = field(default_factory=list)


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
    """

    def __init__(
        self,
        zones: Mapping[str, Zone],
        trackers: Mapping[str, ZoneTracker],
        store: CalibrationStore,
        *,
        reload: Callable[[], Reload],
        answer: Callable[[Reply, Ack], None],
        show: Callable[[str, Controls], None],
    ) -> None:
        self._zones = zones
        self._trackers = trackers
        self._store = store
        self._reload = reload
        self._answer = answer
        self._show = show
        self._listening: dict[str, _Listening] = {}
        self._used: dict[str, Calibration | None] = {}

    def begin(self, tracking: Tracking) -> None:
        """Let every zone track in this way, by the calibrations that are kept now."""
        for name, tracker in self._trackers.items():
            tracker.retune(tracking)
            calibration = self._store.get(self._zones[name])
            if calibration != self._used.get(name):
                self._used[name] = calibration
                tracker.calibrate(calibration)
                logger.info("calibration: %s", calibration or "none", extra={"zone": name})
            self._show_zone(name)

    def execute(self, command: Command) -> Value | None:
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
            case "calibrate":
                return self._calibrate(command)
            case "reload":
                return self._reload_now()
        self._show_zone(command.zone)
        return command.value

    def hear(self, zone: str, update: Update) -> None:
        """Take an update of a zone; a calibration that listens may be done with it."""
        listening = self._listening.get(zone)
        if listening is None:
            return
        if listening.begun is None:
            listening.begun = update.time
        listening.levels.append(update.level - self._trackers[zone].gain.decibels)
        if update.time - listening.begun >= listening.seconds:
            del self._listening[zone]
            self._conclude(zone, listening)

    def _retune(self, tracker: ZoneTracker, **values: Value) -> None:
        tracker.retune(tracker.tracking.model_copy(update=values))

    def _calibrate(self, command: Command) -> Value:
        zone = command.zone
        if isinstance(command.value, str):
            self._listening.pop(zone, None)
            self._keep(zone, None)
            self._show_zone(zone)
            return command.value
        if zone in self._listening:
            raise CommandError("a calibration is listening already")
        if self._trackers[zone].trouble or self._trackers[zone].ended:
            raise CommandError("the zone hears nothing")
        self._listening[zone] = _Listening(command.reply, float(command.value))
        self._show_zone(zone)
        return f"listening for {command.value:g} s"

    def _conclude(self, zone: str, listening: _Listening) -> None:
        reply = listening.reply
        try:
            calibration = by_level(self._zones[zone], listening.levels)
            self._keep(zone, calibration)
        except StreamerError as error:
            logger.warning("%s", error, extra={"zone": zone})
            self._answer(reply, reply.refused(str(error)))
        else:
            self._answer(reply, reply.ok(calibration.gain_db))
        self._show_zone(zone)

    def _keep(self, zone: str, calibration: Calibration | None) -> None:
        try:
            self._store.put(zone, calibration)
        except StreamerError as error:
            raise CommandError(str(error)) from None
        self._used[zone] = calibration
        self._trackers[zone].calibrate(calibration)
        logger.info("calibration: %s", calibration or "none", extra={"zone": zone})

    def _reload_now(self) -> str:
        try:
            change = self._reload()
        except StreamerError as error:
            raise CommandError(f"the configuration stays as it was: {error}") from None
        return ", ".join(change.taken) or "nothing changed"

    def _show_zone(self, zone: str) -> None:
        tracker = self._trackers[zone]
        controls = Controls(
            smoothing=tracker.tracking.smoother,
            rate=tracker.tracking.rate,
            freeze=tracker.trajectory.frozen,
            gain_db=tracker.gain.decibels,
            calibrating=zone in self._listening,
        )
        self._show(zone, controls)
