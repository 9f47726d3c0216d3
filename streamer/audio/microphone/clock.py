"""When a microphone's samples were captured."""

import math
from collections import deque
from statistics import median

from streamer.audio.clock import CaptureClock

_AGES = 256  # blocks: 5 s


class MicrophoneClock:
    """Capture times from the arrival of blocks, less what they waited before that.

    Arrivals are even and one-sided, so the delay-locked loop follows them. What PortAudio says of
    their age (`currentTime - inputBufferAdcTime`) is not: over a sound server it wanders by tens of
    milliseconds, which would read as drift. Only its median is used, for the part of a block's age
    that exceeds the block's own length.

    Parameters
    ----------
    rate
        Nominal, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._arrivals = CaptureClock(rate)
        self._waits: deque[float] = deque(maxlen=_AGES)
        self._wait = 0.0

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the device runs, in parts per million; 0 for 10 s."""
        return self._arrivals.drift_ppm

    def observe(self, end: int, frames: int, arrived: float, age: float) -> None:
        """Take in that the block of `frames` up to sample `end` arrived.

        Parameters
        ----------
        end
            Absolute number of the sample after its last one.
        frames
            Its length.
        arrived
            `time.monotonic()`.
        age
            Seconds since its first sample was captured, as PortAudio says; NaN where not known.
        """
        self._arrivals.observe(end, arrived)
        if not math.isnan(age):
            self._waits.append(age - frames / self._rate)
            self._wait = max(median(self._waits), 0.0)

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured, in seconds of `time.monotonic()`."""
        return self._arrivals.time_of(sample) - self._wait
