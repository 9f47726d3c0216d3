"""Sound files: whatever FFmpeg decodes, as mono blocks."""

import contextlib
import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.error import FFmpegError

from streamer.audio.block import Block, Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.frames import channel_count, to_float
from streamer.audio.mixing import Mixer, check_channels
from streamer.audio.paths import is_url, local_path, open_container
from streamer.audio.resample import Resampler
from streamer.errors import AudioError, UsageError

BLOCK_SECONDS = 0.02
"""Length of a block where nothing else is asked for."""

_READ_FAILURES = 32  # in a row, until a file is given up
_MOST_DAMAGED = 10  # packets; with more of them than whole ones it is no sound
_LONGEST_LOSS = 60.0  # seconds; a corrupt packet that claims more is not believed

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
            f"{name} is a URL: network streams come in a later version; give the path of a file"
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
    corrupt_packets
        Packets that could not be decoded and were left out.
    """

    def __init__(self, path: Path, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        self.path = path
        self.cleaner = cleaner
        self.corrupt_packets = 0
        self._decoded_packets = 0
        self._mixer = Mixer(channels, cleaner)
        self._converter: Resampler | None = None
        self._container, self._stream = open_container(path)
        self._pieces = self._decode()
        try:
            first = self._first_frame(channels)
        except BaseException:
            self._container.close()
            raise
        self._first: av.AudioFrame | None = first
        self.rate = first.sample_rate
        self._rate_now = self.rate
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
        self._first = None
        self._pieces.close()
        self._container.close()

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
        for piece in self._sound():
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
        if self.corrupt_packets > max(self._decoded_packets, _MOST_DAMAGED):
            raise AudioError(
                f"{self.path} is damaged or no sound: {self.corrupt_packets} of its packets cannot "
                f"be decoded, {self._decoded_packets} can; give a whole sound file"
            )
        if self.corrupt_packets:
            _log.warning("%s: %d damaged packets left out", self.path, self.corrupt_packets)

    def _first_frame(self, channels: tuple[int, ...]) -> av.AudioFrame:
        first = next((piece for piece in self._pieces if isinstance(piece, av.AudioFrame)), None)
        if first is None or first.sample_rate <= 0:
            raise AudioError(
                f"{self.path} holds no sound that can be decoded: it is cut off, damaged or empty; "
                "give a whole sound file"
            )
        check_channels(channels, channel_count(first), str(self.path))
        return first

    def _sound(self) -> Iterator[Samples | int]:
        """Yield mono samples at one rate, or how many of them are lost."""
        first, self._first = self._first, None
        if first is not None:
            yield self._mixer.mix(to_float(first))
        for piece in self._pieces:
            if isinstance(piece, av.AudioFrame):
                yield self._at_one_rate(self._mixer.mix(to_float(piece)), piece.sample_rate)
            else:
                yield max(round(piece * self.rate), 1)
        if self._converter is not None:
            yield self._converter.flush()

    def _at_one_rate(self, samples: Samples, rate: int) -> Samples:
        """Convert what a chained file brings at another rate than it began with."""
        rest = np.empty(0, np.float32)
        if rate != self._rate_now:
            if self._converter is not None:
                rest = self._converter.flush()
            self._converter = None if rate == self.rate else Resampler(rate, self.rate)
            self._rate_now = rate
        if self._converter is not None:
            samples = self._converter.push(samples)
        return np.concatenate((rest, samples)) if len(rest) else samples

    def _decode(self) -> Generator[av.AudioFrame | float]:
        """Yield frames, or for a packet that cannot be decoded its seconds."""
        failures = 0
        while failures < _READ_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    try:
                        frames = packet.decode()
                    except FFmpegError:
                        self.corrupt_packets += 1
                        lost = float((packet.duration or 0) * (packet.time_base or 0))
                        yield lost if 0 <= lost <= _LONGEST_LOSS else 0.0
                    else:
                        self._decoded_packets += bool(frames)
                        yield from frames
            except FFmpegError:
                failures += 1
                self.corrupt_packets += 1
            else:
                return
        with contextlib.suppress(FFmpegError):
            yield from self._stream.decode(None)

    def _declared_duration(self) -> float | None:
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if self._container.duration:
            return self._container.duration / 1e6
        return None
