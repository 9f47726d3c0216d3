"""When was sample n captured? Capture time against the sample count, both monotonic."""

import math
from typing import Protocol

BANDWIDTH = 0.005
"""Noise bandwidth of the settled loop in Hz: slow enough to average jitter of milliseconds."""

MAX_DRIFT = 2e-3
"""A sound card's clock is within 0.01 %; beyond this a slope is jitter, not drift."""

JUMP = 0.25
"""An observation this far off, in seconds, is a stall, not jitter: the loop starts again there."""


FIRST_DRIFT = 10.0
"""Seconds of sound before a drift is told: until then it is mostly jitter."""


class Clock(Protocol):
    """What the corridor asks of every clock."""

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source runs, in parts per million."""

    def time_of(self, sample: float) -> float:
        """Return the `time.monotonic()` at which a sample was captured, in seconds."""


class CaptureClock:
    """A second-order delay-locked loop from sample numbers to `time.monotonic()`.

    F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005, for observations at
    any spacing. The loop begins as a growing-memory line fit and narrows to `bandwidth`, so that it
    is right from the first second and quiet later. One thread observes; any thread may ask.

    Parameters
    ----------
    rate
        The source's nominal rate in Hz.
    bandwidth
        Of the settled loop, in Hz.

    Attributes
    ----------
    jumps
        Observations that were no jitter: the loop took its phase from them and kept its rate.
    """

    def __init__(self, rate: int, *, bandwidth: float = BANDWIDTH) -> None:
        self.jumps = 0
        self._nominal = 1 / rate
        self._bandwidth = bandwidth
        self._observed = 0  # samples since the loop began
        self._followed = 0  # samples since the last jump
        self._line: tuple[int, float, float] | None = None  # sample, its time, seconds per sample

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source runs, in ppm; 0 for its first 10 s."""
        if self._line is None or self._observed * self._nominal < FIRST_DRIFT:
            return 0.0
        return (self._nominal / self._line[2] - 1) * 1e6

    def observe(self, sample: int, time: float) -> None:
        """Take in that `sample` was captured at about `time`.

        Parameters
        ----------
        sample
            Absolute number; an observation that does not advance is left out.
        time
            `time.monotonic()` in seconds.
        """
        if self._line is None:
            self._line = (sample, time, self._nominal)
            return
        last, last_time, period = self._line
        step = sample - last
        if step <= 0:
            return
        predicted = last_time + step * period
        error = time - predicted
        if abs(error) > JUMP:
            self.jumps += 1
            self._followed = 0
            self._line = (sample, time, period)
            return
        self._observed += step
        self._followed += step
        # A line through k points moves by 2(2k-1)/(k(k+1)) of an error, its slope by 6/(k(k+1)).
        points, seen = self._followed / step + 1, self._observed / step + 1
        omega = 2 * math.pi * self._bandwidth * step * self._nominal
        phase_gain = max(math.sqrt(2) * omega, 2 * (2 * points - 1) / (points * (points + 1)))
        rate_gain = max(omega**2, 6 / (seen * (seen + 1)))
        period += min(rate_gain, 1.0) * error / step
        least, most = self._nominal * (1 - MAX_DRIFT), self._nominal * (1 + MAX_DRIFT)
        period = min(max(period, least), most)
        self._line = (sample, predicted + min(phase_gain, 1.0) * error, period)

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured.

        Parameters
        ----------
        sample
            Absolute number, before or after what was observed; a fraction is fine.

        Returns
        -------
        float
            `time.monotonic()` in seconds; NaN before the first observation.
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
