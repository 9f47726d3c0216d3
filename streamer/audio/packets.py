"""From one stream of a container to mono samples at one rate, whatever is damaged or changes."""

import contextlib
import math
import time
from collections.abc import Generator, Iterator
from typing import cast

import av
import numpy as np
from av.error import FFmpegError

from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.frames import to_float
from streamer.audio.mixing import Mixer
from streamer.audio.resample import Resampler
from streamer.errors import AudioError

MOST_DAMAGED = 10
"""Packets; with more of them damaged than whole ones it is no sound."""

RATES = range(4000, 768001)
"""Sample rates in Hz that are believed."""

_LONGEST_LOSS = 60.0  # seconds; a corrupt packet that claims more is not believed


class PacketDecoder:
    """Decodes the audio stream of a container; read once, by one thread at a time.

    Parameters
    ----------
    container, stream
        Open, and chosen; they stay the caller's.
    channels
        To mix to mono, counted from 1; empty means all.
    cleaner
        Counts what is cleaned.
    read_failures
        How many reads may fail in a row until the rest is given up. With none, the first failure is
        raised.
    patience
        Seconds without a packet of this stream, while others come, after which it counts as lost.

    Attributes
    ----------
    rate
        Sample rate in Hz; 0 before the first frame.
    corrupt_packets
        Packets that could not be decoded and were left out.
    decoded_packets
        Packets that gave sound.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.AudioStream,
        channels: tuple[int, ...],
        cleaner: Cleaner,
        *,
        read_failures: int = 0,
        patience: float = math.inf,
    ) -> None:
        self.rate = 0
        self.corrupt_packets = 0
        self.decoded_packets = 0
        self._container = container
        self._stream = stream
        self._read_failures = read_failures
        self._patience = patience
        self._mixer = Mixer(channels, cleaner)
        self._converter: Resampler | None = None
        self._rate_now = 0
        self._first: av.AudioFrame | None = None
        self._pieces = self._decode()

    @property
    def mostly_damaged(self) -> bool:
        """Whether so many packets cannot be decoded that this is no sound."""
        return self.corrupt_packets > max(self.decoded_packets, MOST_DAMAGED)

    def begin(self, *, patience: int | None = None) -> av.AudioFrame | None:
        """Decode the first frame, which sets the rate; `sound` begins with it.

        Parameters
        ----------
        patience
            Damaged packets after which there is held to be none; without it all are looked at.

        Returns
        -------
        av.AudioFrame | None
            None where there is no sound.
        """
        for piece in self._pieces:
            if isinstance(piece, av.AudioFrame):
                self._first = piece
                self.rate = self._rate_now = piece.sample_rate
                return piece if piece.sample_rate in RATES else None
            if patience is not None and self.corrupt_packets > patience:
                return None
        return None

    def sound(self) -> Iterator[Samples | int]:
        """Yield mono samples at one rate, or how many of them are lost.

        Raises
        ------
        AudioError
            The chosen channels are gone.
        FFmpegError, OSError
            A read failed, and none may; or patience is at its end.
        """
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

    def close(self) -> None:
        """Forget what was decoded; the container stays open."""
        self._first = None
        self._pieces.close()

    def _at_one_rate(self, samples: Samples, rate: int) -> Samples:
        """Convert what comes at another rate than the first frame."""
        rest = np.empty(0, np.float32)
        if rate not in RATES:
            raise AudioError(
                f"the sound goes on at {rate} Hz, which cannot be; give another source"
            )
        if rate != self._rate_now:
            if self._converter is not None:
                rest = self._converter.flush()
            self._converter = None if rate == self.rate else Resampler(rate, self.rate)
            self._rate_now = rate
        if self._converter is not None:
            samples = self._converter.push(samples)
        return np.concatenate((rest, samples)) if len(rest) else samples

    def _packets(self) -> Iterator["av.Packet[av.AudioStream]"]:
        """Read all streams, since a read of one does not end while another's packets come."""
        since = time.monotonic()
        for packet in self._container.demux():
            if packet.stream_index == self._stream.index:
                yield cast("av.Packet[av.AudioStream]", packet)
                since = time.monotonic()
            elif time.monotonic() - since > self._patience:
                raise TimeoutError

    def _decode(self) -> Generator[av.AudioFrame | float]:
        """Yield frames, or for a packet that cannot be decoded its seconds."""
        failures = 0
        while failures <= self._read_failures:
            try:
                for packet in self._packets():
                    failures = 0
                    try:
                        frames = packet.decode()
                    except FFmpegError:
                        self.corrupt_packets += 1
                        lost = float((packet.duration or 0) * (packet.time_base or 0))
                        yield lost if 0 <= lost <= _LONGEST_LOSS else 0.0
                    else:
                        self.decoded_packets += bool(frames)
                        yield from frames
            except FFmpegError:
                if not self._read_failures:
                    raise
                failures += 1
                self.corrupt_packets += 1
            else:
                return
        with contextlib.suppress(FFmpegError):
            yield from self._stream.decode(None)
