"""Turn audio that arrives in bursts into audio in real time.

`PlayoutBuffer` absorbs the bursts, `Player` writes each sample to the ring buffer when it is due,
and `PlaybackRateController` makes the player follow the server's clock.
"""

import math
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from streamer.audio.block import Samples
from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.ring_buffer import RingBuffer

RATE_PERIOD_S = 30.0
"""Audio over which the buffer level is averaged for one update of the playback rate, in seconds."""

MAX_RATE_CHANGE = 500e-6
"""Largest change of the playback rate, relative: more than any two crystals differ."""

MAX_LEVEL_ERROR_S = 0.5
"""Largest level error that counts as drift, in seconds. Beyond it, the new level is the target."""

LOOP_FREQUENCY_HZ = 2.5e-4
"""Natural frequency of the settled loop, in Hz: periods of an hour, so network jitter averages out.
"""

_INITIAL_GAIN = 0.35  # of the period's rate: natural frequency at first; narrows as 1 / time
_DRIFT_PERIODS = 40  # periods before the drift is reported; before, it is mostly network jitter
_BLOCK_S = 0.02  # audio played at once
_STOP_POLL_S = 0.1  # how often `stop` is checked


class PlayoutBuffer:
    """Bounded buffer between one receiving and one playing thread; if full, the receiver waits.

    Parameters
    ----------
    capacity
        In samples.

    Attributes
    ----------
    level
        Samples in the buffer, lost ones included.
    """

    def __init__(self, capacity: int) -> None:
        self.level = 0
        self._capacity = capacity
        self._chunks: deque[Samples | int] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False
        self._was_full = False

    def put(self, chunk: Samples | int) -> bool:
        """Append samples, or a number of lost samples; wait while the buffer is full.

        Returns
        -------
        bool
            False if the buffer is closed.
        """
        count = chunk if isinstance(chunk, int) else len(chunk)
        with self._changed:
            while self.level >= self._capacity and not self._closed:
                self._was_full = True
                self._changed.wait()
            if count and not self._closed:
                self._chunks.append(chunk)
                self.level += count
                self._changed.notify_all()
            return not self._closed

    def finish(self) -> None:
        """Mark the end of the audio. For the receiver."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Make `put` return at once. For the player, when it stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def exhausted(self) -> bool:
        """Whether the audio has ended and all of it was taken."""
        return self._finished and not self.level

    def wait(self, count: int, timeout: float) -> bool:
        """Wait for `count` samples, or for any if no more follow; False after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.level >= count or self._finished, max(timeout, 0.0))
            return self.level >= count or (self._finished and self.level > 0)

    def get(self, max_samples: int) -> Samples | int:
        """Remove and return up to `max_samples` samples, or a number of lost ones.

        The buffer must not be empty.
        """
        with self._changed:
            chunk = self._chunks.popleft()
            rest: Samples | int
            if isinstance(chunk, int):
                chunk, rest = min(chunk, max_samples), max(chunk - max_samples, 0)
                count, more = chunk, rest > 0
            else:
                chunk, rest = chunk[:max_samples], chunk[max_samples:]
                count, more = len(chunk), len(rest) > 0
            if more:
                self._chunks.appendleft(rest)
            self.level -= count
            self._changed.notify_all()
            return chunk

    def pop_was_full(self) -> bool:
        """Return whether the buffer has been full since the last call."""
        with self._changed:
            was_full, self._was_full = self._was_full, self.level >= self._capacity
            return was_full


class PlaybackRateController:
    """Second-order loop from the level of a buffer to the speed at which it is played.

    The proportional part holds the level; the integral part converges to the difference of the two
    clocks. The loop starts fast and narrows to `LOOP_FREQUENCY_HZ`. The target is the level it
    finds, since that is the size of the server's burst.

    Parameters
    ----------
    min_level
        Lowest target level, in seconds.

    Attributes
    ----------
    speed
        Playback speed relative to the nominal rate, in 1 +- `MAX_RATE_CHANGE`.
    """

    def __init__(self, min_level: float) -> None:
        self._min_level = min_level
        self.reset()

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the server runs, in ppm; 0 for its first twenty minutes."""
        return self._drift * 1e6 if self._periods >= _DRIFT_PERIODS else 0.0

    def reset(self) -> None:
        """Play at the nominal rate: the server runs ahead of real time, drop the drift estimate."""
        self._drift = 0.0
        self._periods = 0  # with an error, over all targets
        self.retarget()

    def retarget(self) -> None:
        """Find a new target level, after a stall or a burst; keep the drift estimate."""
        self._target: float | None = None
        self._burst_passed = False
        self._start_period()
        self.speed = 1 + self._drift

    def observe(self, level: float, seconds: float) -> None:
        """Update the loop after some playback.

        Parameters
        ----------
        level
            Audio in the buffer, in seconds.
        seconds
            Audio played since the last observation.
        """
        self._level_sum += level * seconds
        self._period += seconds
        if self._period < RATE_PERIOD_S:
            return
        mean = self._level_sum / self._period
        self._start_period()
        if not self._burst_passed:  # the first period contains the burst
            self._burst_passed = True
        elif self._target is None:
            self._target = max(mean, self._min_level)
        elif abs(mean - self._target) > MAX_LEVEL_ERROR_S:
            self.retarget()
        else:
            self._correct(mean - self._target)

    def _start_period(self) -> None:
        self._level_sum = 0.0
        self._period = 0.0

    def _correct(self, error: float) -> None:
        self._periods += 1
        omega = max(
            2 * math.pi * LOOP_FREQUENCY_HZ, _INITIAL_GAIN / (RATE_PERIOD_S * self._periods)
        )
        self._drift = _limited(self._drift + omega**2 * RATE_PERIOD_S * error)
        self.speed = 1 + _limited(self._drift + math.sqrt(2) * omega * error)


def _limited(change: float) -> float:
    return min(max(change, -MAX_RATE_CHANGE), MAX_RATE_CHANGE)


class Player:
    """Play a buffer into a ring, each sample when it is due.

    Playback starts once `prebuffer` seconds are buffered. When the buffer runs empty, it waits for
    as much again: audio is delayed, never invented or dropped.

    Parameters
    ----------
    buffer
        Audio to play.
    rate
        Nominal sample rate in Hz.
    prebuffer
        In seconds.
    name
        Of the stream, for log messages.

    Attributes
    ----------
    clock
        Due time of every sample.
    """

    def __init__(self, buffer: PlayoutBuffer, rate: int, prebuffer: float, name: str) -> None:
        self.clock = PlaybackClock(rate)
        self._buffer = buffer
        self._rate = rate
        self._prebuffer = max(round(prebuffer * rate), 1)
        self._name = name
        self._controller = PlaybackRateController(prebuffer)

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play until the audio ends or `stop` is set."""
        while not stop.is_set() and not self._buffer.exhausted:
            if self._buffer.wait(self._prebuffer, _STOP_POLL_S):
                self.clock.anchor(ring.head, monotonic(), self._controller.speed)
                self._controller.retarget()
                self._play(ring, wake, stop)

    def _play(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play until the buffer runs empty or `stop` is set."""
        block = max(round(_BLOCK_S * self._rate), 1)
        adjusted_at = ring.head
        while self._buffer.wait(1, self.clock.time_of(ring.head + block) - monotonic()):
            chunk = self._buffer.get(block)
            end = ring.head + (chunk if isinstance(chunk, int) else len(chunk))
            delay = self.clock.delay_until(ring.head, end, self._name, self._controller.speed)
            if stop.wait(delay):
                return
            if isinstance(chunk, int):
                ring.skip(chunk)
            else:
                ring.write(chunk)
            wake()
            if ring.head - adjusted_at >= self._rate:
                self._adjust_speed(ring.head, (ring.head - adjusted_at) / self._rate)
                adjusted_at = ring.head

    def _adjust_speed(self, head: int, seconds: float) -> None:
        if self._buffer.pop_was_full():
            self._controller.reset()
        else:
            self._controller.observe(self._buffer.level / self._rate, seconds)
        self.clock.drift_ppm = self._controller.drift_ppm
        self.clock.anchor(head, self.clock.time_of(head), self._controller.speed)
