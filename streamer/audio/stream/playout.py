"""From sound that arrives in bursts to sound at its time: a bounded buffer, a clock, a player."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from streamer.audio.block import Samples
from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.stream.playback_rate import Steering

STALL = 1.0
"""Seconds behind its time from which sound goes on where it is rather than racing."""

_BLOCK = 0.02  # seconds played at once
_POLL = 0.1  # seconds until a stop is noticed

_log = logging.getLogger(__name__)


class PlayoutBuffer:
    """Sound between one thread that receives and one that plays; full, the receiver waits.

    Parameters
    ----------
    capacity
        Samples held.

    Attributes
    ----------
    level
        Samples that wait, gaps among them.
    """

    def __init__(self, capacity: int) -> None:
        self.level = 0
        self._capacity = capacity
        self._pieces: deque[Samples | int] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._left = False
        self._was_full = False

    def put(self, piece: Samples | int) -> bool:
        """Append samples, or the number of those that were lost; wait while the buffer is full.

        Returns
        -------
        bool
            False where nobody plays any more.
        """
        count = piece if isinstance(piece, int) else len(piece)
        with self._changed:
            while self.level >= self._capacity and not self._left:
                self._was_full = True
                self._changed.wait()
            if count and not self._left:
                self._pieces.append(piece)
                self.level += count
                self._changed.notify_all()
            return not self._left

    def end(self) -> None:
        """Say that nothing follows. For the receiver."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nobody plays any more."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether all was taken and nothing follows."""
        return self._ended and not self.level

    def wait(self, count: int, seconds: float) -> bool:
        """Wait until `count` samples are there, or some and nothing follows; False where not."""
        with self._changed:
            self._changed.wait_for(lambda: self.level >= count or self._ended, max(seconds, 0.0))
            return self.level >= count or (self._ended and self.level > 0)

    def take(self, most: int) -> Samples | int:
        """Take at most `most` samples, or the number of lost ones; there is at least one."""
        with self._changed:
            piece = self._pieces.popleft()
            rest: Samples | int
            if isinstance(piece, int):
                piece, rest = min(piece, most), max(piece - most, 0)
                count, more = piece, rest > 0
            else:
                piece, rest = piece[:most], piece[most:]
                count, more = len(piece), len(rest) > 0
            if more:
                self._pieces.appendleft(rest)
            self.level -= count
            self._changed.notify_all()
            return piece

    def was_full(self) -> bool:
        """Tell whether the receiver has had to wait since this was last asked."""
        with self._changed:
            full, self._was_full = self._was_full, self.level >= self._capacity
            return full


class Player:
    """Plays a buffer into a ring, each sample at its time, as a player in the room would.

    It begins once `prebuffer` seconds are there. Where the buffer runs dry it waits for as much
    again: sound is delayed, never invented or left out.

    Parameters
    ----------
    buffer
        What to play.
    rate
        Samples per second.
    prebuffer
        In seconds.
    name
        For messages.
    """

    def __init__(self, buffer: PlayoutBuffer, rate: int, prebuffer: float, name: str) -> None:
        self.clock = PlaybackClock(rate)
        self._buffer = buffer
        self._rate = rate
        self._prebuffer = max(round(prebuffer * rate), 1)
        self._name = name
        self._steering = Steering(prebuffer)

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play until all that will come is played, or `stop`."""
        while not stop.is_set() and not self._buffer.ended:
            if self._buffer.wait(self._prebuffer, _POLL):
                self.clock.anchor(ring.head, time.monotonic(), self._steering.ratio)
                self._steering.settle()
                self._play(ring, wake, stop)

    def _play(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        block = max(round(_BLOCK * self._rate), 1)
        steered = ring.head
        while self._buffer.wait(1, self.clock.time_of(ring.head + block) - time.monotonic()):
            piece = self._buffer.take(block)
            count = piece if isinstance(piece, int) else len(piece)
            if stop.wait(self._early(ring.head, count)):
                return
            if isinstance(piece, int):
                ring.skip(piece)
            else:
                ring.write(piece)
            wake()
            if ring.head - steered >= self._rate:
                self._steer(ring.head, (ring.head - steered) / self._rate)
                steered = ring.head

    def _early(self, start: int, count: int) -> float:
        """Return how long to wait until `count` samples from `start` on are played."""
        early = self.clock.time_of(start + count) - time.monotonic()
        if early < -STALL:
            _log.warning(
                "%s: the machine stalled for %.1f s; going on from here", self._name, -early
            )
            begin = time.monotonic() - count / self._rate
            self.clock.anchor(start, begin, self._steering.ratio)
        return max(early, 0.0)

    def _steer(self, head: int, seconds: float) -> None:
        if self._buffer.was_full():
            self._steering.let_go()
        else:
            self._steering.observe(self._buffer.level / self._rate, seconds)
        self.clock.drift_ppm = self._steering.drift_ppm
        self.clock.anchor(head, self.clock.time_of(head), self._steering.ratio)
