"""When a microphone's samples were captured.

Were samples lost between two blocks? No driver flag tells of callbacks that never came.
"""

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

from streamer.audio.capture_clock import JUMP, MAX_DRIFT, CaptureClock

_AGES = 256  # blocks: 5 s
_WINDOW = 10.0  # seconds
_WINDOWS = 61  # ten minutes
_LAG = 3  # windows from which to which the clocks are compared


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
        self._drift = DriftMeter(rate)
        self._waits: deque[float] = deque(maxlen=_AGES)
        self._wait = 0.0

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the device runs, in parts per million; 0 for 20 s."""
        return self._drift.ppm

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
        self._drift.observe(end, arrived)
        if not math.isnan(age):
            self._waits.append(age - frames / self._rate)
            self._wait = max(median(self._waits), 0.0)

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured, in seconds of `time.monotonic()`."""
        return self._arrivals.time_of(sample) - self._wait


class DriftMeter:
    """How fast a device's clock runs, over the last ten minutes.

    The promptest arrival of each 10 s tells by how much the device is ahead; the median of its
    changes over 30 s is the drift. A few milliseconds lost or held back here and there, which would
    turn the slope of a line for minutes, change a few of them only.

    Parameters
    ----------
    rate
        Nominal, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._prompt: deque[tuple[float, float]] = deque(maxlen=_WINDOWS)  # sound time, lateness
        self._end = -math.inf
        self._best = (0.0, math.inf)

    @property
    def ppm(self) -> float:
        """How much faster than nominal it runs; 0 until two windows are full."""
        marks = list(self._prompt)
        lag = min(_LAG, len(marks) - 1)
        if lag < 1:
            return 0.0
        pairs = zip(marks[:-lag], marks[lag:], strict=True)
        return -1e6 * median((late - early) / (b - a) for (a, early), (b, late) in pairs)

    def observe(self, sample: int, arrived: float) -> None:
        """Take in that all up to `sample` had arrived at that `time.monotonic()`."""
        sound = sample / self._rate
        if sound >= self._end:
            if self._best[1] < math.inf:
                self._prompt.append(self._best)
            self._end = sound + _WINDOW
            self._best = (sound, math.inf)
        if arrived - sound < self._best[1]:
            self._best = (sound, arrived - sound)


SETTLE = 0.2
"""Seconds after which a stall that was not caught up with counts as lost sound."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Heard(Generic[Content]):
    """A block whose place is known.

    Attributes
    ----------
    content
        The block as it was given.
    lost
        Frames that were lost before it.
    late
        Seconds by which it arrived later than the promptest ones.
    """

    content: Content
    lost: int
    late: float


class Continuity(Generic[Content]):
    """Tells a stall from a loss by whether the sound catches up.

    A stall of the machine or of a sound server delays blocks, which then arrive in a burst: nothing
    is missing. Where they stay late, the sound of the time between was lost. A block that is
    `clock.JUMP` late is therefore held until it is known which; all others pass at once.

    Parameters
    ----------
    rate
        Frames per second, nominal.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._expected: int | None = None
        self._prompt: float | None = None  # arrival minus sound time of the promptest blocks
        self._last = 0.0
        self._held: list[tuple[Content, int, float]] = []
        self._held_since = 0.0

    def push(
        self, content: Content, first: int, frames: int, now: float, *, overflow: bool = False
    ) -> list[Heard[Content]]:
        """Take the next block; give those whose place is known now.

        Parameters
        ----------
        content
            The block, passed through.
        first, frames
            Number of its first frame as the recorder counts, and its frames.
        now
            `time.monotonic()` when it arrived.
        overflow
            Whether the driver says that sound was lost before it; at least one frame was.
        """
        lost = 0 if self._expected is None else first - self._expected
        lost = max(lost, int(overflow))
        self._expected = first + frames
        offset = now - self._expected / self._rate
        if self._prompt is None:
            self._prompt = offset
        self._prompt = min(self._prompt + MAX_DRIFT * max(now - self._last, 0.0), offset)
        self._last = now
        late = offset - self._prompt
        if not self._held:
            self._held_since = now
        self._held.append((content, lost, late))
        if late <= JUMP:
            return self._release()
        if now - self._held_since < SETTLE:
            return []
        missing = min(late for _, _, late in self._held)
        self._prompt += missing
        return self._release(missing)

    def _release(self, missing: float = 0.0) -> list[Heard[Content]]:
        held, self._held = self._held, []
        extra = [round(missing * self._rate), *[0] * (len(held) - 1)]
        return [
            Heard(content, lost + more, max(late - missing, 0.0))
            for (content, lost, late), more in zip(held, extra, strict=True)
        ]
