"""Play an audio file in real time."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import monotonic

from streamer.audio.audio_file import open_audio_file
from streamer.audio.block import Block
from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder
from streamer.audio.ring_buffer import RingBuffer
from streamer.errors import AudioError

_BURST = 10  # blocks decoded at once


class FileInput:
    """Play a file: each sample is captured at the moment at which it would have been heard.

    Parameters
    ----------
    path
        Path of the file.
    channels
        Channels to mix to mono, counted from 1. Empty: all.
    loop
        Start again at the end, as one continuous stream of samples.
    name
        Display name. Default: the file's name.

    Raises
    ------
    UsageError, AudioError
        As `open_audio_file`.
    """

    def __init__(
        self, path: str | Path, channels: tuple[int, ...], *, loop: bool, name: str | None = None
    ) -> None:
        self.title = ""
        self.live = False
        self.cleaner = Cleaner()
        self._channels = channels
        self._loop = loop
        self._decoder = Decoder()
        try:
            self._open(path)
        except BaseException:
            self._decoder.close()
            raise
        self.name = name or self._file.path.name
        self.rate = self._file.rate
        self.clock = PlaybackClock(self.rate)

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play the file into the ring until its end or until `stop` is set."""
        self._decoder.stop_on(stop)
        self.clock.anchor(ring.head, monotonic())
        while True:
            offset = ring.head  # of this repetition
            for blocks in _grouped(_decoded_in_bursts(self._file.blocks()), ring, offset):
                if not self._play(blocks, offset, ring, stop):
                    return
                wake()
            if not self._loop:
                return
            self._rewind()

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    def _open(self, path: str | Path) -> None:
        self._file = open_audio_file(
            path, self._channels, cleaner=self.cleaner, decoder=self._decoder
        )

    def _play(
        self, blocks: list[Block], offset: int, ring: RingBuffer, stop: threading.Event
    ) -> bool:
        """Write blocks to the ring once the last one has played; return False if stopped before."""
        start, end = offset + blocks[0].start_sample, offset + blocks[-1].end_sample
        if stop.wait(self.clock.delay_until(start, end, self.name)):
            return False
        for block in blocks:
            ring.skip(offset + block.start_sample - ring.head)
            ring.write(block.samples)
        return True

    def _rewind(self) -> None:
        """Reopen the file in the same decoder process, so that there is no pause."""
        self._open(self._file.path)
        if self._file.rate != self.rate:
            raise AudioError(
                f"cannot loop {self._file.path}: it was replaced by a file at another sample rate; "
                "start again"
            )


def _decoded_in_bursts(blocks: Iterator[Block]) -> Iterator[Block]:
    """Decode several blocks at once: cheaper than waking the decoder, caches cold, for each."""
    while burst := list(islice(blocks, _BURST)):
        yield from burst


def _grouped(blocks: Iterator[Block], ring: RingBuffer, offset: int) -> Iterator[list[Block]]:
    """Group the blocks to write at once: up to where the reader is to be woken, or to a gap."""
    group: list[Block] = []
    for block in _split_at_wake(blocks, ring, offset):
        if group and block.start_sample != group[-1].end_sample:
            yield group
            group = []
        group.append(block)
        if ring.should_wake(offset + block.end_sample):
            yield group
            group = []
    if group:
        yield group


def _split_at_wake(blocks: Iterator[Block], ring: RingBuffer, offset: int) -> Iterator[Block]:
    """Split the block that contains the sample at which the ring's reader is to be woken."""
    for block in blocks:
        before = ring.wake_at - offset - block.start_sample
        if 0 < before < len(block.samples):
            yield Block(block.samples[:before], block.start_sample, block.captured)
            block = Block(block.samples[before:], block.start_sample + before, block.captured)
        yield block
