"""From one stream of a container to frames, whatever is damaged in between."""

import contextlib
import math
import time
from collections.abc import Generator, Iterator
from typing import cast

import av
from av.error import FFmpegError

from streamer import limits


class PacketDecoder:
    """Decodes the audio stream of a container; read once.

    Parameters
    ----------
    container, stream
        Open, and chosen; they stay the caller's.
    read_failures
        How many reads may fail in a row until the rest is given up. With none, the first failure is
        raised.
    patience
        Seconds without a packet of this stream, while others come, after which it counts as lost.

    Attributes
    ----------
    corrupt_packets
        Packets that could not be decoded and were left out.
    decoded_packets
        Packets that gave sound.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.AudioStream,
        *,
        read_failures: int = 0,
        patience: float = math.inf,
    ) -> None:
        self.corrupt_packets = 0
        self.decoded_packets = 0
        self._container = container
        self._stream = stream
        self._read_failures = read_failures
        self._patience = patience
        self._first: av.AudioFrame | None = None
        self._pieces = self._decode()

    @property
    def mostly_damaged(self) -> bool:
        """Whether so many packets cannot be decoded that this is no sound."""
        return self.corrupt_packets > max(self.decoded_packets, limits.MAX_DAMAGED_PACKETS)

    def begin(self, *, patience: int | None = None) -> av.AudioFrame | None:
        """Decode the first frame; `frames` begins with it.

        Parameters
        ----------
        patience
            Damaged packets after which there is held to be none; without it all are looked at.

        Returns
        -------
        av.AudioFrame | None
            None where there is no sound, or none that is believed.
        """
        for piece in self._pieces:
            if isinstance(piece, av.AudioFrame):
                self._first = piece
                believed = piece.layout.nb_channels <= limits.MAX_CHANNELS
                return piece if believed and piece.sample_rate in limits.SAMPLE_RATES else None
            if patience is not None and self.corrupt_packets > patience:
                return None
        return None

    def frames(self) -> Iterator[av.AudioFrame | float]:
        """Yield frames, or for a packet that cannot be decoded how many seconds are lost.

        Raises
        ------
        FFmpegError, OSError
            A read failed, and none may; or patience is at its end.
        """
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._pieces

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
        failures = 0
        while failures <= self._read_failures:
            try:
                for packet in self._packets():
                    failures = 0
                    try:
                        frames = packet.decode()
                    except MemoryError:
                        raise
                    except FFmpegError:
                        self.corrupt_packets += 1
                        lost = float((packet.duration or 0) * (packet.time_base or 0))
                        yield lost if 0 <= lost <= limits.MAX_PACKET_DURATION_S else 0.0
                    else:
                        self.decoded_packets += bool(frames)
                        yield from frames
            except MemoryError:
                raise
            except FFmpegError:
                if not self._read_failures:
                    raise
                failures += 1
                self.corrupt_packets += 1
            else:
                return
        with contextlib.suppress(FFmpegError):
            yield from self._stream.decode(None)
