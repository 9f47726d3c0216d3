"""Health of the zones: one snapshot for MQTT, dashboard, metrics and systemd; stall detection."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Literal, Protocol

from streamer import __version__
from streamer.app.process import resident_memory
from streamer.engines import Engine
from streamer.engines.remote.remote_engine import RemoteEngine
from streamer.mqtt import (
    Cleaned,
    Counters,
    Delays,
    Drops,
    Health,
    Latency,
    Recording,
    Remote,
)
from streamer.tracking.zone import ZoneTracker

State = Literal["ok", "warming", "silent", "degraded", "restarting", "stopped"]

SNAPSHOT_MAX_AGE = 1.0
"""Seconds for which a snapshot is reused."""

RECENT_DROPS = 10.0
"""Seconds for which dropped windows and lost audio count as recent and degrade a zone."""

STALL_TIMEOUT = 30.0
"""Seconds with audio but without an estimate after which a zone counts as stalled."""

_NO_AUDIO = 2.0  # seconds without a block after which a zone counts as having no audio
_MEGABYTE = 1e6


class PublishStats(Protocol):
    """What health reads of the MQTT publisher."""

    @property
    def reconnects(self) -> int:
        """Times the broker was lost and found again."""
        ...

    def counters(self, zone: str) -> Counters:
        """Return how many estimates of a zone were offered, sent and dropped."""
        ...

    def latency(self, zone: str) -> Latency | None:
        """Return the latency percentiles of a zone, None before the first estimate."""
        ...


class RecordingStats(Protocol):
    """What health reads of the recorder."""

    @property
    def last_error(self) -> str:
        """Why recording is incomplete now; empty if it is not."""
        ...

    @property
    def recorded(self) -> int:
        """Estimates written since the start."""
        ...

    @property
    def dropped(self) -> int:
        """Estimates not written since the start."""
        ...


class HealthMonitor:
    """Computes the health of every zone; the only place that does.

    Belongs to the event loop's thread.

    Parameters
    ----------
    engine
        Shared by the zones.
    trackers
        By zone id.
    publisher
        Publish counters and latencies.
    recorder
        Recording counters; None if nothing is recorded.
    clock
        Monotonic time in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        trackers: Mapping[str, ZoneTracker],
        publisher: PublishStats,
        recorder: RecordingStats | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._trackers = trackers
        self._publisher = publisher
        self._recorder = recorder
        self._clock = clock
        self._started = clock()
        self._recent_drops = {zone: _RecentDrops() for zone in trackers}
        self._cpu = _CpuMeter()
        self._snapshot: Mapping[str, Health] = {}
        self._snapshot_at = -math.inf
        self._versions = {
            "streamer": __version__,
            "model": engine.model,
            "front_end": engine.front_end.digest,
            "onnxruntime": version("onnxruntime"),
        }

    def snapshot(self) -> Mapping[str, Health]:
        """Return the health of each zone, at most `SNAPSHOT_MAX_AGE` seconds old."""
        if self._clock() - self._snapshot_at >= SNAPSHOT_MAX_AGE:
            return self.refresh()
        return self._snapshot

    def refresh(self) -> Mapping[str, Health]:
        """Compute the health of each zone now."""
        self._snapshot_at = self._clock()
        cpu, memory = self._cpu.percent(), resident_memory()
        self._snapshot = {
            zone: self._health(zone, tracker, cpu, memory)
            for zone, tracker in self._trackers.items()
        }
        return self._snapshot

    def _health(self, zone: str, tracker: ZoneTracker, cpu: float, memory: int | None) -> Health:
        state, reason = self._state(zone, tracker)
        status, source, stream = tracker.status, tracker.source.current, tracker.window_stream
        losses = status.input_losses
        publisher = self._publisher
        return Health(
            ts=round(time.time() * 1e3),
            state=state,
            reason=reason,
            source=tracker.source.name,
            engine=self._engine.name,
            remote=self._remote(),
            uptime_s=self._clock() - self._started,
            estimates=status.estimates,
            drops=Drops(
                capture=losses.overruns,
                inference=status.dropped,
                publish=publisher.counters(zone).dropped,
            ),
            gaps=status.gaps,
            restarts=status.restarts,
            cleaned=Cleaned(nan=losses.non_finite, clipped=losses.clipped),
            reconnects=publisher.reconnects,
            rate_hz=tracker.rate_controller.rate,
            drift_ppm=source.drift_ppm if source else None,
            latency_ms=publisher.latency(zone),
            delays=Delays(
                resampler_ms=stream.resampler_delay * 1e3 if stream else 0.0,
                smoother_ms=tracker.trajectory.delay * 1e3,
            ),
            gain_db=tracker.gain.gain_db,
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
            recorded=recorder.recorded, dropped=recorder.dropped, trouble=recorder.last_error
        )

    def _state(self, zone: str, tracker: ZoneTracker) -> tuple[State, str]:
        """Return the state of a zone and the reason if it is not `ok`, the worst first."""
        status = tracker.status
        windows, overruns = self._recent_drops[zone].count(
            self._clock(), status.dropped, status.input_losses.overruns
        )
        if status.ended:
            return "stopped", status.last_error or "the audio has ended"
        if status.last_error:
            return "restarting", status.last_error
        if reason := self._degraded(tracker):
            return "degraded", reason
        if status.last_update is None:
            return "warming", "waiting for the first second of audio"
        if status.last_update.silence:
            return "silent", "below -60 dBFS"
        if overruns:
            return "degraded", f"the machine is too slow: {overruns} recent overruns of the audio"
        if windows:
            return "degraded", f"the engine is too slow: {windows} windows dropped recently"
        if status.last_update.warm < 1.0:
            return "warming", "the window is not yet full"
        return "ok", ""

    def _degraded(self, tracker: ZoneTracker) -> str:
        status, recorder, pace = tracker.status, self._recorder, tracker.rate_controller
        if status.engine_error:
            return f"no estimates: {status.engine_error}"
        if status.seconds_since_audio > _NO_AUDIO:
            return f"no audio for {status.seconds_since_audio:.0f} s"
        if self._engine.last_error:
            return self._engine.last_error
        if recorder is not None and recorder.last_error:
            return f"not recording: {recorder.last_error}"
        if pace.is_limited:
            return (
                f"the machine is too slow: {pace.rate:.3g} of {pace.target_rate:.3g} "
                "estimates a second"
            )
        return ""


class StallDetector:
    """Detects zones that have audio but no estimates.

    Restarting the program helps such a zone: its engine hangs, or fails whatever replaces it. A
    lost microphone, stream or broker is no stall: it is retried, and would be after a restart.

    Checks are counted instead of seconds, so that time during which the whole process was stopped
    does not count.

    Parameters
    ----------
    trackers
        By zone id.
    interval
        Seconds between two checks.
    timeout
        Seconds after which a zone is stalled.

    Attributes
    ----------
    stall
        The stalled zones, in words; empty if none.
    """

    def __init__(
        self,
        trackers: Mapping[str, ZoneTracker],
        interval: float,
        timeout: float = STALL_TIMEOUT,
    ) -> None:
        self.stall = ""
        self._trackers = trackers
        self._interval = interval
        self._timeout = timeout
        self._checks = dict.fromkeys(trackers, 0)  # in a row without a new estimate
        self._estimates = dict.fromkeys(trackers, 0)

    def check(self) -> str:
        """Check every zone once; return `stall`."""
        stalled = []
        for zone, tracker in self._trackers.items():
            status = tracker.status
            progressed = status.estimates != self._estimates[zone]
            self._estimates[zone] = status.estimates
            idle = progressed or not _has_audio(tracker)
            self._checks[zone] = 0 if idle else self._checks[zone] + 1
            lasted = self._checks[zone] * self._interval
            if lasted >= self._timeout:
                why = f" ({status.engine_error})" if status.engine_error else ""
                stalled.append(f"zone {zone} has audio but no estimate for {lasted:.0f} s{why}")
        self.stall = "; ".join(stalled)
        return self.stall


def _has_audio(tracker: ZoneTracker) -> bool:
    opened = tracker.window_stream is not None and tracker.source.current is not None
    status = tracker.status
    failed = status.ended or status.last_error != ""
    return opened and not failed and status.seconds_since_audio < _NO_AUDIO


class _RecentDrops:
    """Growth of two counters over the last `RECENT_DROPS` seconds."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, int, int]] = deque([(-math.inf, 0, 0)])

    def count(self, now: float, windows: int, overruns: int) -> tuple[int, int]:
        history = self._history
        history.append((now, windows, overruns))
        while len(history) > 1 and history[1][0] <= now - RECENT_DROPS:
            history.popleft()
        return windows - history[0][1], overruns - history[0][2]


class _CpuMeter:
    """Share of one core used since the last call."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        wall, cpu = time.monotonic(), time.process_time()
        used = (cpu - self._cpu) / max(wall - self._wall, 1e-3)
        self._wall, self._cpu = wall, cpu
        return 100.0 * used
