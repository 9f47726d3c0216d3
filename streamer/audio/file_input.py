"""Sound files in real time."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from streamer.audio.audio_file import open_audio_file
from streamer.audio.block import Block
from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder
from streamer.audio.ring_buffer import RingBuffer
from streamer.errors import AudioError

STALL = 1.0
"""Seconds behind real time from which a file goes on where it is rather than racing."""

_BURST = 10  # blocks

_log = logging.getLogger(__name__)


class FileInput:
    """A file, each sample at its time: there once it would have been played.

    Parameters
    ----------
    path
        Of the file.
    channels
        To mix to mono, counted from 1; empty means all.
    loop
        Begin again at the end, as one continuous stream of samples.
    name
        For people; the file's name where not given.

    Raises
    ------
    UsageError, AudioError
        As `open_audio_file`.
    """

    def __init__(
        self, path: str | Path, channels: tuple[int, ...], *, loop: bool, name: str | None = None
    ) -> None:
        self.cleaner = Cleaner()
        self.live = False
        self.title = ""
        self._channels = channels
        self._loop = loop
        self._decoder = Decoder()
        try:
            self._open(path)
        except BaseException:
            self._decoder.close()
            raise
        self.name = name or self._sound.path.name
        self.rate = self._sound.rate
        self._clock = PlaybackClock(self.rate)

    @property
    def clock(self) -> PlaybackClock:
        """When each sample was played."""
        return self._clock

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play the file into the ring until its end or `stop`."""
        self._decoder.stop_on(stop)
        self._clock.anchor(ring.head, time.monotonic())
        while True:
            begin = ring.head
            for blocks in _together(_in_bursts(self._sound.blocks()), ring, begin):
                if not self._play(blocks, begin, ring, stop):
                    return
                wake()
            if not self._loop:
                return
            self._rewind()

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    def _open(self, path: str | Path) -> None:
        self._sound = open_audio_file(
            path, self._channels, cleaner=self.cleaner, decoder=self._decoder
        )

    def _play(
        self, blocks: list[Block], begin: int, ring: RingBuffer, stop: threading.Event
    ) -> bool:
        """Give blocks to the ring once the last has been played; False where `stop` came first."""
        first, last = blocks[0], blocks[-1]
        if not self._wait(begin + first.start_sample, begin + last.end_sample, stop):
            return False
        for block in blocks:
            ring.skip(begin + block.start_sample - ring.head)
            ring.write(block.samples)
        return True

    def _wait(self, start: int, end: int, stop: threading.Event) -> bool:
        """Wait until `end` has been played; False where `stop` came first."""
        early = self._clock.time_of(end) - time.monotonic()
        if early < -STALL:
            _log.warning(
                "%s: the machine stalled for %.1f s; going on from here", self.name, -early
            )
            self._clock.anchor(start, time.monotonic() - (end - start) / self.rate)
        return not stop.wait(max(early, 0.0))

    def _rewind(self) -> None:
        """Decode the file again, by the same process, so that there is no pause."""
        self._open(self._sound.path)
        if self._sound.rate != self.rate:
            raise AudioError(
                f"{self._sound.path} was replaced by a file at another rate while it looped; "
                "start again"
            )


def _in_bursts(blocks: Iterator[Block]) -> Iterator[Block]:
    """Decode several blocks at once: cheaper than waking the decoder with cold caches for each."""
    while burst := list(islice(blocks, _BURST)):
        yield from burst


def _together(blocks: Iterator[Block], ring: RingBuffer, begin: int) -> Iterator[list[Block]]:
    """Group what the ring's reader may have at once: up to where it is due, or to a gap."""
    group: list[Block] = []
    for block in _cut(blocks, ring, begin):
        if group and block.start_sample != group[-1].end_sample:
            yield group
            group = []
        group.append(block)
        if ring.should_wake(begin + block.end_sample):
            yield group
            group = []
    if group:
        yield group


def _cut(blocks: Iterator[Block], ring: RingBuffer, begin: int) -> Iterator[Block]:
    """Cut a block in two where the ring's reader wants the sound up to."""
    for block in blocks:
        first = ring.wake_at - begin - block.start_sample
        if 0 < first < len(block.samples):
            yield Block(block.samples[:first], block.start_sample, block.captured)
            block = Block(block.samples[first:], block.start_sample + first, block.captured)
        yield block
