"""A thread that captures, the ring it fills, and the asyncio task that reads it."""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Protocol, runtime_checkable

from streamer.audio.block import Block
from streamer.audio.capture_clock import Clock
from streamer.audio.cleaning import Cleaner
from streamer.audio.ring_buffer import RingBuffer

RING_SECONDS = 4.0
"""Sound that is kept for a reader who is late."""

LONGEST_BLOCK = 0.25
"""Seconds of a block at most."""

_JOIN_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Feed(Protocol):
    """What captures, in a thread of its own.

    Attributes
    ----------
    name
        For people.
    rate
        Samples per second.
    live
        Whether the sound arises while it is heard.
    cleaner
        Counts what was cleaned.
    clock
        Capture time of every sample.
    """

    name: str
    rate: int
    live: bool
    cleaner: Cleaner

    @property
    def clock(self) -> Clock:
        """Capture time of every sample."""

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Fill the ring until the sound ends or `stop` is set; `wake` when there is more."""

    def close(self) -> None:
        """Free what the feed holds, once `run` is over or was never begun."""


@runtime_checkable
class Titled(Protocol):
    """A feed that may tell what plays."""

    @property
    def title(self) -> str:
        """Of what plays now; empty where it is not told."""


class CapturedSource:
    """A feed as a source of blocks; see `streamer.audio.source.Source`.

    Parameters
    ----------
    feed
        What captures. It begins with the first block that is asked for.
    """

    def __init__(self, feed: Feed) -> None:
        self.gaps = 0
        self._feed = feed
        self._ring = RingBuffer(
            max(round(RING_SECONDS * feed.rate), 2), patience=round(LONGEST_BLOCK * feed.rate)
        )
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """For people."""
        return self._feed.name

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._feed.rate

    @property
    def live(self) -> bool:
        """Whether the sound arises while it is heard."""
        return self._feed.live

    @property
    def title(self) -> str:
        """Of what plays now; empty where it is not told."""
        return self._feed.title if isinstance(self._feed, Titled) else ""

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source runs, in parts per million."""
        return self._feed.clock.drift_ppm

    @property
    def overruns(self) -> int:
        """How often samples were overwritten before they were read."""
        return self._ring.overruns

    @property
    def non_finite(self) -> int:
        """Samples that were NaN or infinite."""
        return self._feed.cleaner.non_finite

    @property
    def clipped(self) -> int:
        """Samples at full scale or beyond."""
        return self._feed.cleaner.clipped

    @property
    def wanted(self) -> int:
        """See `RingBuffer`."""
        return self._ring.wanted

    @wanted.setter
    def wanted(self, sample: int) -> None:
        self._ring.wanted = sample

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield what is captured, at most 0.25 s each, until the sound ends. To be called once."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._capture, loop),
            name=f"capture {self.name}",
            daemon=True,
        )
        self._thread.start()
        longest = max(round(self.rate * LONGEST_BLOCK), 1)
        expected = 0
        while True:
            self._wake.clear()
            ended = self._ended  # before the last read: what was written before it is not missed
            while True:
                start, samples = self._ring.read(longest)
                if not len(samples):
                    break
                self.gaps += start != expected
                expected = start + len(samples)
                yield Block(samples, start, self._feed.clock.time_of(start))
            if ended:
                break
            await self._wake.wait()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its frames hold the source, and all the sound in it

    async def aclose(self) -> None:
        """End the capture; prompt, and more than once is fine."""
        self._stop.set()
        if self._thread is None:
            self._feed.close()
            return
        await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)
        if self._thread.is_alive():
            _log.warning("%s: the capture hangs in a read; it is left behind", self.name)

    def _capture(self, loop: asyncio.AbstractEventLoop) -> None:
        def wake() -> None:
            if not self._ended and not self._ring.due(self._ring.head):
                return
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._wake.set)

        try:
            self._feed.run(self._ring, wake, self._stop)
        except BaseException as error:  # noqa: BLE001 - raised again where the blocks are read
            self._error = error
        finally:
            try:
                self._feed.close()
            finally:
                self._ended = True
                wake()
