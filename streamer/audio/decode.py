"""Sound files: whatever FFmpeg decodes, as mono blocks."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from streamer.audio.block import Block
from streamer.audio.cleaning import Cleaner
from streamer.audio.frames import channel_count
from streamer.audio.mixing import check_channels
from streamer.audio.packets import PacketDecoder
from streamer.audio.paths import is_url, local_path, open_container
from streamer.audio.stream.urls import public
from streamer.errors import AudioError, UsageError

BLOCK_SECONDS = 0.02
"""Length of a block where nothing else is asked for."""

_READ_FAILURES = 31  # in a row, until a file is given up

_log = logging.getLogger(__name__)


def open_sound_file(
    path: str | Path, channels: tuple[int, ...] = (), *, cleaner: Cleaner | None = None
) -> "SoundFile":
    """Open a local file and decode its first sound.

    Nothing but files is ever opened, whatever a playlist names.

    Parameters
    ----------
    path
        Of the file; a leading ``~`` is the home folder.
    channels
        To mix to mono, counted from 1; empty means all.
    cleaner
        Counts what is cleaned; one of its own where none is given.

    Raises
    ------
    UsageError
        A URL, or a channel that the file does not have.
    AudioError
        Missing, unreadable, a folder, empty, without sound, or broken from its beginning.
    """
    name = str(path)
    if is_url(name):
        raise UsageError(
            f"{public(name)} is a URL; give the path of a file, or hear it: "
            "streamer run --input URL"
        )
    return SoundFile(local_path(name), channels, cleaner or Cleaner())


class SoundFile:
    """A sound file while it is decoded; memory does not grow with its length.

    Use it as a context manager, or `close` it. Sound is read once, by one thread at a time.

    Attributes
    ----------
    path
        Of the file.
    rate
        Sample rate in Hz.
    duration
        Seconds as the file declares them; None where it does not.
    description
        For people: codec, rate, channels, duration.
    cleaner
        Counts what was cleaned.
    """

    def __init__(self, path: Path, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        self.path = path
        self.cleaner = cleaner
        self._container, self._stream = open_container(path)
        self._decoder = PacketDecoder(
            self._container, self._stream, channels, cleaner, read_failures=_READ_FAILURES
        )
        try:
            first = self._first_frame(channels)
        except BaseException:
            self.close()
            raise
        self.rate = first.sample_rate
        self.duration = self._declared_duration()
        length = "" if self.duration is None else f", {self.duration:.1f} s"
        codec, count = self._stream.codec_context.name, channel_count(first)
        self.description = f"{codec}, {self.rate} Hz, {count} channel(s){length}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; more than once is fine."""
        self._decoder.close()
        self._container.close()

    @property
    def corrupt_packets(self) -> int:
        """Packets that could not be decoded and were left out."""
        return self._decoder.corrupt_packets

    def blocks(self, frames: int | None = None) -> Iterator[Block]:
        """Decode to the end, as fast as it is asked.

        Parameters
        ----------
        frames
            Samples of each block but those before a gap or the end; 20 ms where not given.

        Yields
        ------
        Block
            Mono; `captured` is the time in the file, in seconds. A damaged place is a gap.

        Raises
        ------
        AudioError
            The chosen channels end before the file does, or, at its end: most of it is damaged.
        """
        size = frames or max(round(self.rate * BLOCK_SECONDS), 1)
        start, filled, held = 0, 0, np.empty(size, np.float32)
        for piece in self._decoder.sound():
            if isinstance(piece, int):
                if filled:
                    yield Block(held[:filled], start, start / self.rate)
                start, filled, held = start + filled + piece, 0, np.empty(size, np.float32)
                continue
            taken = 0
            while taken < len(piece):
                fresh = piece[taken : taken + size - filled]
                held[filled : filled + len(fresh)] = fresh
                filled += len(fresh)
                taken += len(fresh)
                if filled == size:
                    yield Block(held, start, start / self.rate)
                    start, filled, held = start + size, 0, np.empty(size, np.float32)
        if filled:
            yield Block(held[:filled], start, start / self.rate)
        if self._decoder.mostly_damaged:
            raise AudioError(
                f"{self.path} is damaged or no sound: {self.corrupt_packets} of its packets cannot "
                f"be decoded, {self._decoder.decoded_packets} can; give a whole sound file"
            )
        if self.corrupt_packets:
            _log.warning("%s: %d damaged packets left out", self.path, self.corrupt_packets)

    def _first_frame(self, channels: tuple[int, ...]) -> av.AudioFrame:
        first = self._decoder.begin()
        if first is None:
            raise AudioError(
                f"{self.path} holds no sound that can be decoded: it is cut off, damaged or empty; "
                "give a whole sound file"
            )
        check_channels(channels, channel_count(first), str(self.path))
        return first

    def _declared_duration(self) -> float | None:
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if self._container.duration:
            return self._container.duration / 1e6
        return None
