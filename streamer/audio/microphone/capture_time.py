"""Capture times, clock drift and lost samples of a microphone, from when its blocks arrive."""

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

from streamer.audio.capture_clock import MAX_DRIFT, MAX_JITTER_S, CaptureClock

LOSS_DECISION_S = 0.2
"""How long a late block is held until its delay counts as lost audio, in seconds."""

_DELAY_BLOCKS = 256  # blocks whose delays are averaged: 5 s
_DRIFT_WINDOW_S = 10.0
_DRIFT_WINDOWS = 61  # ten minutes
_DRIFT_LAG = 3  # windows between the two arrivals that are compared

BlockType = TypeVar("BlockType")


class MicrophoneClock:
    """Capture times from arrival times, less the delay before arrival.

    Arrivals are regular and never early, so the delay-locked loop follows them. PortAudio's own
    age of a block (`currentTime - inputBufferAdcTime`) is not: behind a sound server it wanders by
    tens of milliseconds, which would read as drift. Only its median is used, and only the part that
    exceeds the block's length.

    Parameters
    ----------
    rate
        Nominal sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._arrivals = CaptureClock(rate)
        self._drift = DriftEstimator(rate)
        self._delays: deque[float] = deque(maxlen=_DELAY_BLOCKS)
        self._delay = 0.0

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the device runs, in ppm; 0 for its first 20 s."""
        return self._drift.ppm

    def observe(self, end: int, frames: int, arrived: float, age: float) -> None:
        """Record the arrival of a block.

        Parameters
        ----------
        end
            Absolute number of the sample after the block's last one.
        frames
            Length of the block.
        arrived
            `time.monotonic()` in seconds.
        age
            Seconds since the capture of the block's first sample, by PortAudio; NaN if unknown.
        """
        self._arrivals.observe(end, arrived)
        self._drift.observe(end, arrived)
        if not math.isnan(age):
            self._delays.append(age - frames / self._rate)
            self._delay = max(median(self._delays), 0.0)

    def time_of(self, sample: float) -> float:
        """Return when a sample was captured, as `time.monotonic()` in seconds."""
        return self._arrivals.time_of(sample) - self._delay


class DriftEstimator:
    """Drift of a device's clock over the last ten minutes.

    The earliest arrival in each 10 s tells how far ahead the device is; the median of its changes
    over 30 s is the drift. A few milliseconds lost or delayed now and then change only some of
    those differences, while they would bend a fitted line for minutes.

    Parameters
    ----------
    rate
        Nominal sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        # Per window the earliest arrival: its audio time, and arrival minus audio time.
        self._earliest: deque[tuple[float, float]] = deque(maxlen=_DRIFT_WINDOWS)
        self._window_end = -math.inf
        self._current = (0.0, math.inf)

    @property
    def ppm(self) -> float:
        """How much faster than nominal the device runs; 0 until two windows are complete."""
        windows = list(self._earliest)
        lag = min(_DRIFT_LAG, len(windows) - 1)
        if lag < 1:
            return 0.0
        pairs = zip(windows[:-lag], windows[lag:], strict=True)
        return -1e6 * median((late - early) / (b - a) for (a, early), (b, late) in pairs)

    def observe(self, sample: int, arrived: float) -> None:
        """Record that all samples before `sample` had arrived at that `time.monotonic()`."""
        audio_time = sample / self._rate
        if audio_time >= self._window_end:
            if self._current[1] < math.inf:
                self._earliest.append(self._current)
            self._window_end = audio_time + _DRIFT_WINDOW_S
            self._current = (audio_time, math.inf)
        if arrived - audio_time < self._current[1]:
            self._current = (audio_time, arrived - audio_time)


@dataclass(frozen=True, slots=True)
class CheckedBlock(Generic[BlockType]):
    """A block and the loss before it.

    Attributes
    ----------
    block
        As it was pushed.
    lost
        Frames lost before it.
    late
        Seconds by which it arrived later than the earliest ones.
    """

    block: BlockType
    lost: int
    late: float


class LossDetector(Generic[BlockType]):
    """Distinguish delayed blocks from lost samples, which no driver flag reports.

    A stall of the machine or the sound server delays blocks; they then arrive in a burst and
    nothing is missing. If blocks stay late, the audio in between was lost. A block that is later
    than `MAX_JITTER_S` is held until that is known; all others pass at once.

    Parameters
    ----------
    rate
        Nominal sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._expected: int | None = None
        self._earliest: float | None = None  # arrival minus audio time, of the earliest blocks
        self._last_arrival = 0.0
        self._held: list[tuple[BlockType, int, float]] = []  # block, frames lost before it, late
        self._held_since = 0.0

    def push(
        self, block: BlockType, first: int, frames: int, now: float, *, overflow: bool = False
    ) -> list[CheckedBlock[BlockType]]:
        """Add the next block; return the blocks that are now decided, perhaps none.

        Parameters
        ----------
        block
            Any object, passed through.
        first, frames
            Number of its first frame by the recorder's count, and its length.
        now
            Its arrival, `time.monotonic()` in seconds.
        overflow
            Whether the driver reports a loss before it. Counts as at least one frame.
        """
        lost = 0 if self._expected is None else first - self._expected
        lost = max(lost, int(overflow))
        self._expected = first + frames
        offset = now - self._expected / self._rate
        if self._earliest is None:
            self._earliest = offset
        elapsed = max(now - self._last_arrival, 0.0)
        self._earliest = min(self._earliest + MAX_DRIFT * elapsed, offset)
        self._last_arrival = now
        late = offset - self._earliest
        if not self._held:
            self._held_since = now
        self._held.append((block, lost, late))
        if late <= MAX_JITTER_S:
            return self._release()
        if now - self._held_since < LOSS_DECISION_S:
            return []
        missing = min(late for _, _, late in self._held)
        self._earliest += missing
        return self._release(missing)

    def _release(self, missing: float = 0.0) -> list[CheckedBlock[BlockType]]:
        """Return the held blocks, with `missing` seconds lost before the first."""
        held, self._held = self._held, []
        extra = [round(missing * self._rate), *[0] * (len(held) - 1)]
        return [
            CheckedBlock(block, lost + more, max(late - missing, 0.0))
            for (block, lost, late), more in zip(held, extra, strict=True)
        ]
