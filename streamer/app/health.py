"""How the zones fare: the message that is published every few seconds.

How the zones fare at the time one asks, for whoever asks between two health messages.

Whether a run still does its work, as far as starting it anew would mend that.
"""

import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from streamer import __version__
from streamer.app.process import resident_memory
from streamer.engines import Engine
from streamer.engines.remote.remote_engine import RemoteEngine
from streamer.mqtt import Cleaned, Delays, Drops, Health, Latency, Publisher, Recording, Remote
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.recording import Recorder


State = Literal["ok", "warming", "silent", "degraded", "restarting", "stopped"]

_MEGABYTE = 1e6
_QUIET = 2.0  # seconds without a block of sound


class HealthReporter:
    """Writes the health of every zone.

    Parameters
    ----------
    engine, publisher, recorder
        Whose figures stand in the message; None where nothing is recorded.
    """

    def __init__(
        self, engine: Engine, publisher: Publisher, recorder: "Recorder | None" = None
    ) -> None:
        self._engine = engine
        self._publisher = publisher
        self._recorder = recorder
        self._begun = time.monotonic()
        self._seen: dict[str, tuple[int, int]] = {}
        self._versions = {
            "streamer": __version__,
            "model": engine.model,
            "front_end": engine.front_end.digest,
            "onnxruntime": version("onnxruntime"),
        }
        self._load = _Load()

    def offer(self, trackers: list[ZoneTracker]) -> None:
        """Offer a health message for each zone."""
        for zone, health in self.look(trackers).items():
            self._publisher.offer_health(zone, health)

    def look(self, trackers: Iterable[ZoneTracker]) -> dict[str, Health]:
        """Return how each zone fares since the last look."""
        cpu = self._load.percent()
        memory = resident_memory()
        return {tracker.id: self._of(tracker, cpu, memory) for tracker in trackers}

    def _of(self, tracker: ZoneTracker, cpu: float, memory: int | None) -> Health:
        state, reason = self._state(tracker)
        source, listener, losses = tracker.source, tracker.listener, tracker.losses
        publisher = self._publisher
        return Health(
            ts=round(time.time() * 1e3),
            state=state,
            reason=reason,
            source=tracker.source_name,
            engine=self._engine.name,
            remote=self._remote(),
            uptime_s=time.monotonic() - self._begun,
            estimates=tracker.estimates,
            drops=Drops(
                capture=losses.overruns,
                inference=tracker.dropped,
                publish=publisher.counters(tracker.id).dropped,
            ),
            gaps=tracker.gaps,
            restarts=tracker.restarts,
            cleaned=Cleaned(nan=losses.non_finite, clipped=losses.clipped),
            reconnects=publisher.reconnects,
            rate_hz=tracker.pace.rate,
            drift_ppm=source.drift_ppm if source else None,
            latency_ms=publisher.latency(tracker.id),
            delays=Delays(
                resampler_ms=listener.resampler_delay * 1e3 if listener else 0.0,
                smoother_ms=tracker.trajectory.delay * 1e3,
            ),
            gain_db=tracker.gain.decibels,
            recording=self._recording(),
            versions=self._versions,
            cpu_percent=cpu,
            memory_mb=memory / _MEGABYTE if memory is not None else None,
        )

    def _remote(self) -> Remote | None:
        if not isinstance(self._engine, RemoteEngine):
            return None
        counts = self._engine.counts
        return Remote(
            answered=counts.answered,
            late=counts.late,
            failed=counts.failed,
            local=counts.local,
            latency_ms=Latency.from_seconds(counts.seconds),
        )

    def _recording(self) -> Recording | None:
        recorder = self._recorder
        if recorder is None:
            return None
        return Recording(
            recorded=recorder.recorded, dropped=recorder.dropped, trouble=recorder.trouble
        )

    def _state(self, tracker: ZoneTracker) -> tuple[State, str]:
        windows, sounds = self._fresh(tracker)
        if tracker.ended:
            return "stopped", tracker.trouble or "the sound has ended"
        if tracker.trouble:
            return "restarting", tracker.trouble
        if trouble := self._trouble(tracker):
            return "degraded", trouble
        if tracker.last is None:
            return "warming", "waiting for the first second of sound"
        if tracker.last.silence:
            return "silent", "below -60 dBFS"
        if sounds:
            return "degraded", f"the machine is too slow: sound was lost {sounds} times lately"
        if windows:
            return "degraded", f"the engine is too slow: {windows} windows dropped lately"
        if tracker.last.warm < 1.0:
            return "warming", "the window is not yet full"
        return "ok", ""

    def _trouble(self, tracker: ZoneTracker) -> str:
        """Return what is wrong although sound is heard."""
        recorder, pace = self._recorder, tracker.pace
        if tracker.engine_trouble:
            return f"no estimates: {tracker.engine_trouble}"
        if tracker.waiting > _QUIET:
            return f"no sound has arrived for {tracker.waiting:.0f} s"
        if self._engine.trouble:
            return self._engine.trouble
        if recorder is not None and recorder.trouble:
            return f"not recording: {recorder.trouble}"
        if pace.slowed:
            return (
                f"the machine is too slow: {pace.rate:.3g} of {pace.wanted:.3g} estimates a second"
            )
        return ""

    def _fresh(self, tracker: ZoneTracker) -> tuple[int, int]:
        """Return how many windows were dropped, and how often sound, since this was last asked."""
        now = tracker.dropped, tracker.losses.overruns
        before = self._seen.get(tracker.id, (0, 0))
        self._seen[tracker.id] = now
        return now[0] - before[0], now[1] - before[1]


class _Load:
    """Share of one core used since the last look."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        wall, cpu = time.monotonic(), time.process_time()
        used = (cpu - self._cpu) / max(wall - self._wall, 1e-3)
        self._wall, self._cpu = wall, cpu
        return 100.0 * used


if TYPE_CHECKING:
    from streamer.outputs.recording import Recorder


FRESH = 1.0
"""Seconds for which an answer is given again, so that no asking costs more."""


class Survey:
    """Looks at a run; all of it belongs to the event loop's thread.

    Parameters
    ----------
    engine, publisher, trackers, recorder
        What runs; no recorder where nothing is recorded.

    Attributes
    ----------
    engine, publisher, trackers
        The same; the trackers by the names of their zones.
    """

    def __init__(
        self,
        engine: Engine,
        publisher: Publisher,
        trackers: Iterable[ZoneTracker],
        recorder: "Recorder | None" = None,
    ) -> None:
        self.engine = engine
        self.publisher = publisher
        self.trackers = {tracker.id: tracker for tracker in trackers}
        self._found: dict[str, Health] = {}
        self._reporter = HealthReporter(engine, publisher, recorder)
        self._looked = float("-inf")

    def health(self) -> Mapping[str, Health]:
        """Return how each zone fares, at most a second ago."""
        now = time.monotonic()
        if now - self._looked >= FRESH:
            self._found = self._reporter.look(self.trackers.values())
            self._looked = now
        return self._found


PATIENCE = 30.0
"""Seconds for which sound may reach a zone and no estimate come of it."""

_HEARD = 2.0  # seconds without a block after which a zone is held to hear nothing


class Liveness:
    """Finds zones that are stuck.

    A zone is stuck where sound reaches it all the time and no estimate comes of it: its engine
    hangs, or fails whatever takes its place. A microphone, a stream or a broker that is away is no
    reason: the zone seeks it by itself, and would have to after a new start, too.

    Looks are counted instead of seconds, so that time during which the whole program was stopped
    tells against nobody.

    Parameters
    ----------
    trackers
        By the names of the zones.
    interval
        Seconds from one look to the next.
    patience
        Seconds after which a zone is stuck.

    Attributes
    ----------
    trouble
        Which zone is stuck, and how; empty while none is.
    """

    def __init__(
        self, trackers: Mapping[str, ZoneTracker], interval: float, patience: float = PATIENCE
    ) -> None:
        self.trouble = ""
        self._trackers = trackers
        self._interval = interval
        self._patience = patience
        self._looks = dict.fromkeys(trackers, 0)  # without a new estimate
        self._estimates = dict.fromkeys(trackers, 0)

    def look(self) -> str:
        """Look at every zone once; return `trouble`."""
        stuck = []
        for zone, tracker in self._trackers.items():
            moved = tracker.estimates != self._estimates[zone]
            self._estimates[zone] = tracker.estimates
            self._looks[zone] = 0 if moved or not _hears(tracker) else self._looks[zone] + 1
            lasted = self._looks[zone] * self._interval
            if lasted >= self._patience:
                why = f" ({tracker.engine_trouble})" if tracker.engine_trouble else ""
                stuck.append(f"zone {zone} hears, but no estimate came for {lasted:.0f} s{why}")
        self.trouble = "; ".join(stuck)
        return self.trouble


def _hears(tracker: ZoneTracker) -> bool:
    begun = tracker.listener is not None and tracker.source is not None
    return begun and not tracker.ended and not tracker.trouble and tracker.waiting < _HEARD
