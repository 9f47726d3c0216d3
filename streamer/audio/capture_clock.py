"""Map sample numbers to capture times, both monotonic."""

import logging
import math
from time import monotonic
from typing import Protocol

LOOP_BANDWIDTH_HZ = 0.005
"""Noise bandwidth of the settled loop, in Hz: narrow enough to average jitter of milliseconds."""

MAX_DRIFT = 2e-3
"""Largest drift, relative to the nominal rate. Sound cards drift by less than 1e-4."""

MAX_JITTER_S = 0.25
"""Largest error that counts as jitter, in seconds. Beyond it, the loop restarts from there."""

DRIFT_SETTLING_S = 10.0
"""Audio needed before the drift is reported, in seconds. Before, it is mostly jitter."""

MAX_LATENESS_S = 1.0
"""Latest playback that catches up, in seconds. Later, it resumes from now instead of racing."""

_log = logging.getLogger(__name__)


class Clock(Protocol):
    """Maps sample numbers to capture times; every input has one."""

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source's clock runs, in parts per million."""

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured, as `time.monotonic()` in seconds."""


class CaptureClock:
    """Second-order delay-locked loop from sample numbers to `time.monotonic()`.

    F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005, extended to
    observations at any spacing. The loop starts as a line fit with growing memory and narrows to
    `bandwidth`, so it is accurate from the first second and quiet later. One thread observes; any
    thread may read.

    Parameters
    ----------
    rate
        Nominal sample rate in Hz.
    bandwidth
        Noise bandwidth of the settled loop, in Hz.

    Attributes
    ----------
    jumps
        Observations too far off to be jitter. Each reset the loop's phase and kept its rate.
    """

    def __init__(self, rate: int, *, bandwidth: float = LOOP_BANDWIDTH_HZ) -> None:
        self.jumps = 0
        self._nominal_period = 1 / rate
        self._bandwidth = bandwidth
        self._samples_total = 0  # since the first observation
        self._samples_since_jump = 0
        self._line: tuple[int, float, float] | None = None  # sample, its time, seconds per sample

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source runs, in ppm; 0 for its first 10 s."""
        if self._line is None or self._samples_total * self._nominal_period < DRIFT_SETTLING_S:
            return 0.0
        return (self._nominal_period / self._line[2] - 1) * 1e6

    def observe(self, sample: int, time: float) -> None:
        """Update the loop: `sample` was captured at about `time`.

        Parameters
        ----------
        sample
            Absolute sample number. Ignored unless it is greater than the last one.
        time
            `time.monotonic()` in seconds.
        """
        if self._line is None:
            self._line = (sample, time, self._nominal_period)
            return
        last, last_time, period = self._line
        step = sample - last
        if step <= 0:
            return
        predicted = last_time + step * period
        error = time - predicted
        if abs(error) > MAX_JITTER_S:
            self.jumps += 1
            self._samples_since_jump = 0
            self._line = (sample, time, period)
            return
        self._samples_total += step
        self._samples_since_jump += step
        # A line fit to k points moves by 2(2k-1)/(k(k+1)) of an error, its slope by 6/(k(k+1)).
        phase_points = self._samples_since_jump / step + 1
        rate_points = self._samples_total / step + 1
        omega = 2 * math.pi * self._bandwidth * step * self._nominal_period
        phase_gain = max(
            math.sqrt(2) * omega,
            2 * (2 * phase_points - 1) / (phase_points * (phase_points + 1)),
        )
        rate_gain = max(omega**2, 6 / (rate_points * (rate_points + 1)))
        period += min(rate_gain, 1.0) * error / step
        shortest = self._nominal_period * (1 - MAX_DRIFT)
        longest = self._nominal_period * (1 + MAX_DRIFT)
        period = min(max(period, shortest), longest)
        self._line = (sample, predicted + min(phase_gain, 1.0) * error, period)

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured, as `time.monotonic()` in seconds.

        Parameters
        ----------
        sample
            Absolute sample number, observed or not; may be fractional.

        Returns
        -------
        float
            NaN before the first observation.
        """
        if self._line is None:
            return math.nan
        last, time, period = self._line
        return time + (sample - last) * period


class PlaybackClock:
    """Exact clock of audio that is played back: due times along lines of constant speed.

    One thread anchors; any thread may read.

    Parameters
    ----------
    rate
        Nominal sample rate in Hz.

    Attributes
    ----------
    drift_ppm
        How much faster than nominal the sender's clock runs, in parts per million. Set by the
        player. Default: 0.
    """

    def __init__(self, rate: int) -> None:
        self.drift_ppm = 0.0
        self._rate = rate
        self._lines: tuple[tuple[int, float, float], ...] = ()  # sample, time, samples per second

    def anchor(self, sample: int, time: float, speed: float = 1.0) -> None:
        """Start a new line: `sample` is due at `time`, later ones at `speed` times the rate.

        Earlier samples keep their times (those of the last 7 anchors).

        Parameters
        ----------
        sample
            Absolute sample number, not below the previous anchor's.
        time
            `time.monotonic()` in seconds.
        speed
            Playback speed relative to the nominal rate.
        """
        self._lines = (*self._lines[-7:], (sample, time, self._rate * speed))

    def time_of(self, sample: float) -> float:
        """Return when a sample is due, as `time.monotonic()` in seconds; NaN before any anchor."""
        lines = self._lines
        if not lines:
            return math.nan
        start, time, samples_per_second = next(
            (line for line in reversed(lines) if line[0] <= sample), lines[0]
        )
        return time + (sample - start) / samples_per_second

    def delay_until(self, start: int, end: int, name: str, speed: float = 1.0) -> float:
        """Return the seconds until samples `start` to `end` have played, at least 0.

        If they are more than `MAX_LATENESS_S` late, as after a suspend, log it under `name` and
        anchor a new line, so that they have played now.
        """
        now = monotonic()
        delay = self.time_of(end) - now
        if delay < -MAX_LATENESS_S:
            _log.warning("%s: playback stalled for %.1f s; continuing from here", name, -delay)
            self.anchor(start, now - (end - start) / self._rate, speed)
        return max(delay, 0.0)
