"""What a decoder says: records on a pipe, each a kind (one byte), a length (uint32), a content.

- `O`: it is open, JSON: `rate`, `channels`, `codec`, `duration` (seconds or null), `name` and
  `prebuffer` (seconds, of a stream)
- `F`: a frame of sound: its rate (uint32), channels (uint16) and FFmpeg's sample format (5 bytes,
  padded with zeros), then the samples as FFmpeg has them, planes one after the other
- `L`: a packet is lost: seconds (float64)
- `T`: the title of what follows, UTF-8
- `E`: an error, the last record of this source, JSON: `usage` (whether it is the user's) and `text`
- `Z`: the end of this source, JSON: `corrupt` and `decoded` packets

It is told one JSON object a line: `{"path"}` of a file or `{"url"}` of a stream to be decoded next.
"""

import json
import struct
from typing import IO, NamedTuple

from streamer import limits

OPENED, FRAME, LOSS, TITLE, ERROR, END = b"O", b"F", b"L", b"T", b"E", b"Z"
SAMPLE_BYTES = {"u8": 1, "s16": 2, "s32": 4, "s64": 8, "flt": 4, "dbl": 8}
"""Of FFmpeg's sample formats; the planar ones have a p behind their names."""

FRAME_HEAD = struct.Struct("=IH5s")
SECONDS = struct.Struct("=d")
_HEADER = struct.Struct("=cI")


class PcmFrame(NamedTuple):
    """Samples as FFmpeg decoded them.

    Attributes
    ----------
    rate
        In Hz.
    channels
        How many.
    sample_format
        FFmpeg's name of the sample format; one that ends with p is planar.
    data
        The samples.
    """

    rate: int
    channels: int
    sample_format: str
    data: memoryview


def say(pipe: IO[bytes], kind: bytes, *contents: bytes | memoryview) -> None:
    """Write one record; the pipe may hold it back until it is flushed."""
    pipe.write(_HEADER.pack(kind, sum(map(len, contents))))
    for content in contents:
        pipe.write(content)


def say_json(pipe: IO[bytes], kind: bytes, **content: object) -> None:
    """Write one record of JSON."""
    say(pipe, kind, json.dumps(content).encode())


def hear(pipe: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Read one record; None at the end, and one without kind where it is too long to be one."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    if length > (limits.MAX_MESSAGE_BYTES if kind == FRAME else limits.MAX_TEXT_MESSAGE_BYTES):
        return b"", b""
    content = pipe.read(length)
    return (kind, content) if len(content) == length else None


def frame_of(content: bytes) -> PcmFrame:
    """Take apart the content of a frame.

    Raises
    ------
    ValueError, struct.error
        It is none.
    """
    rate, channels, name = FRAME_HEAD.unpack_from(content)
    sample_format = name.rstrip(b"\0").decode("ascii")
    data = memoryview(content)[FRAME_HEAD.size :]
    size = SAMPLE_BYTES.get(sample_format.removesuffix("p"), 0) * channels
    if not 0 < channels <= limits.MAX_CHANNELS or not size or len(data) % size:
        raise ValueError("no frame")
    return PcmFrame(rate, channels, sample_format, data)
