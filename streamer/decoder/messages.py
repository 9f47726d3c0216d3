"""Messages of a decoder process, framed by `streamer.child.framing`.

The main process sends `{"path": ...}` or `{"url": ...}`: decode this file or stream next. The
decoder answers with

- `{"opened": {"rate", "channels", "codec", "duration", "name", "prebuffer"}}`: `duration` in
  seconds or null, `prebuffer` in seconds
- audio messages, each a `PcmFrame`
- `{"lost": seconds}` in place of a packet that cannot be decoded
- `{"title": text}` when the title of a stream changes
- `{"end": {"corrupt", "decoded"}}`: the end of this source, with counts of packets
- `{"error": {"usage", "text"}}`: the end, too; `usage` is true where the user has to change the
  input
"""

import struct
from typing import NamedTuple

from streamer import limits

SAMPLE_BYTES = {"u8": 1, "s16": 2, "s32": 4, "s64": 8, "flt": 4, "dbl": 8}
"""Bytes per sample of FFmpeg's packed formats; a planar format has a `p` appended."""

_HEADER = struct.Struct("=IH5s")  # rate, channels, sample format padded with zeros


class PcmFrame(NamedTuple):
    """Samples as FFmpeg decoded them.

    Attributes
    ----------
    rate
        Sample rate in Hz.
    channels
        Number of channels.
    sample_format
        FFmpeg's name, such as `s16` (interleaved) or `fltp` (planar: one channel after the other).
    data
        The samples.
    """

    rate: int
    channels: int
    sample_format: str
    data: memoryview


def pack_header(rate: int, channels: int, sample_format: str) -> bytes:
    """Return the header that precedes a frame's samples in an audio message."""
    return _HEADER.pack(rate, channels, sample_format.encode())


def parse_frame(payload: bytes) -> PcmFrame:
    """Parse the payload of an audio message, without copying the samples.

    Raises
    ------
    ValueError, struct.error
        The format is unknown, or the channels are too many or incomplete.
    """
    rate, channels, name = _HEADER.unpack_from(payload)
    sample_format = name.rstrip(b"\0").decode("ascii")
    data = memoryview(payload)[_HEADER.size :]
    size = SAMPLE_BYTES.get(sample_format.removesuffix("p"), 0) * channels
    if not 0 < channels <= limits.MAX_CHANNELS or not size or len(data) % size:
        raise ValueError("invalid frame")
    return PcmFrame(rate, channels, sample_format, data)
