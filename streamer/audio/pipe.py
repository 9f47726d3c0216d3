"""Raw samples from standard input, in real time."""

import math
import os
import select
import sys
import threading
import time
from collections.abc import Callable

from streamer.audio.cleaning import Cleaner
from streamer.audio.clock import CaptureClock
from streamer.audio.raw import RawDecoder
from streamer.audio.ring import RingBuffer
from streamer.config.models import RawFormat
from streamer.errors import AudioError, UsageError

LEAD = 0.25
"""Seconds that a pipe may run ahead of real time: its bursts."""

BACKLOG = 1.0
"""Seconds that may wait in the pipe before it is first read; taken at once, or all would be late by
them for ever."""

HASTE = 1.001
"""How much faster than real time a pipe is read at most: more than any clock drifts."""

_STEP = 0.02  # seconds read at once where the pipe is held back
_POLL = 0.1  # seconds until a stop is noticed


class RawFeed:
    """Raw samples through a file descriptor, followed at the pace of whoever writes them.

    Samples are captured when they arrive; the clock smooths that. A writer faster than real time
    (a file) is held back, so that its drift reads as that of `HASTE`.

    Parameters
    ----------
    layout
        Sample format, rate and channels.
    channels
        To mix to mono, counted from 1; empty means all.
    descriptor
        Open for reading; it stays open. Standard input where not given.

    Raises
    ------
    UsageError
        A channel that the layout does not have; standard input is closed or a terminal.
    """

    def __init__(
        self, layout: RawFormat, channels: tuple[int, ...], *, descriptor: int | None = None
    ) -> None:
        self.cleaner = Cleaner()
        self.live = True
        self.name = "stdin"
        self.rate = layout.rate
        self._decoder = RawDecoder(layout, channels, self.cleaner)
        self._descriptor = _standard_input() if descriptor is None else descriptor
        self._clock = CaptureClock(layout.rate)

    @property
    def clock(self) -> CaptureClock:
        """When each sample arrived, jitter smoothed away."""
        return self._clock

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Read into the ring until the pipe ends or `stop`."""
        backlog = BACKLOG
        played = -math.inf  # when all that was read has been played, at HASTE
        while not stop.is_set():
            ahead = max(played - time.monotonic(), 0.0)
            if ahead > LEAD - _STEP:
                stop.wait(ahead - (LEAD - _STEP))
                continue
            if not _readable(self._descriptor, _POLL):
                continue
            frames = max(int((LEAD + backlog - ahead) * self.rate), 1)
            data = self._read(frames * self._decoder.frame_bytes)
            now = time.monotonic()
            if data is None:
                continue
            if not data:
                self._decoder.finish()
                return
            samples = self._decoder.push(data)
            if len(samples):
                seconds = len(samples) / self.rate / HASTE
                played = max(played, now - backlog) + seconds
                ring.write(samples)
                self._clock.observe(ring.head, now)
                wake()
                backlog = max(backlog - seconds, 0.0)
                if backlog and not _readable(self._descriptor, _STEP):
                    backlog = 0.0  # all that waited is here

    def close(self) -> None:
        """Nothing: the descriptor belongs to who opened it."""

    def _read(self, count: int) -> bytes | None:
        try:
            return os.read(self._descriptor, count)
        except BlockingIOError:
            return None
        except OSError as error:
            raise AudioError(
                f"standard input cannot be read ({error.strerror}); pipe raw samples into it"
            ) from None


def _standard_input() -> int:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError("standard input is closed; pipe raw samples into it") from None
    if os.isatty(descriptor):
        raise UsageError(
            "standard input is a terminal; pipe raw samples into it, "
            "for example: ffmpeg -i FILE -f s16le -ar 44100 -ac 2 - | streamer run --input -"
        )
    return descriptor


def _readable(descriptor: int, seconds: float) -> bool:
    """Wait for data or the end; True at once where the platform cannot wait for a pipe."""
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    except (OSError, ValueError):
        return True
