"""Decode one audio stream of a container packet by packet, and skip damaged packets."""

import contextlib
import math
import time
from collections.abc import Generator, Iterator
from typing import cast

import av
from av.error import FFmpegError

from streamer import limits


class PacketDecoder:
    """Decoder of the audio stream of a container; can be read once.

    Parameters
    ----------
    container, stream
        Open container and its stream; the caller closes them.
    read_failures
        Most consecutive reads that may fail before the rest is skipped. Default: 0, the first
        failure is raised.
    timeout
        Longest time without a packet of this stream while other streams send some, in seconds.

    Attributes
    ----------
    corrupt_packets
        Number of packets that could not be decoded.
    decoded_packets
        Number of packets that gave audio.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.AudioStream,
        *,
        read_failures: int = 0,
        timeout: float = math.inf,
    ) -> None:
        self.corrupt_packets = 0
        self.decoded_packets = 0
        self._container = container
        self._stream = stream
        self._read_failures = read_failures
        self._timeout = timeout
        self._first: av.AudioFrame | None = None
        self._frames = self._decode()

    @property
    def mostly_corrupt(self) -> bool:
        """Whether damaged packets outnumber the others, and `limits.MAX_DAMAGED_PACKETS`."""
        return self.corrupt_packets > max(self.decoded_packets, limits.MAX_DAMAGED_PACKETS)

    def decode_first(self, *, max_corrupt: int | None = None) -> av.AudioFrame | None:
        """Decode the first frame; `frames` yields it again.

        Parameters
        ----------
        max_corrupt
            Most damaged packets before it. Default: no limit.

        Returns
        -------
        av.AudioFrame | None
            None where there is no audio, or its rate or channels are outside the limits.
        """
        for frame in self._frames:
            if isinstance(frame, av.AudioFrame):
                self._first = frame
                valid = frame.layout.nb_channels <= limits.MAX_CHANNELS
                return frame if valid and frame.sample_rate in limits.SAMPLE_RATES else None
            if max_corrupt is not None and self.corrupt_packets > max_corrupt:
                return None
        return None

    def frames(self) -> Iterator[av.AudioFrame | float]:
        """Yield frames, and for each packet that cannot be decoded the lost seconds.

        Raises
        ------
        FFmpegError, OSError
            More reads failed than may, or the timeout passed.
        """
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._frames

    def _packets(self) -> Iterator["av.Packet[av.AudioStream]"]:
        """Read all streams: a read of one does not return while packets of others arrive."""
        last = time.monotonic()
        for packet in self._container.demux():
            if packet.stream_index == self._stream.index:
                yield cast("av.Packet[av.AudioStream]", packet)
                last = time.monotonic()
            elif time.monotonic() - last > self._timeout:
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
