"""What FFmpeg decodes, as float32."""

import av
import numpy as np
from numpy.typing import NDArray

_FORMATS = {
    "u8": ("u1", 2.0**7),
    "s16": ("i2", 2.0**15),
    "s32": ("i4", 2.0**31),
    "s64": ("i8", 2.0**63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}


def channel_count(frame: av.AudioFrame) -> int:
    """Return how many channels a frame has."""
    return frame.layout.nb_channels


def to_float(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Copy a frame's samples.

    Parameters
    ----------
    frame
        In any of FFmpeg's sample formats, planar or packed.

    Returns
    -------
    NDArray[np.float32]
        Shape (channels, n); integers are scaled to [-1, 1], floats are as they were.
    """
    dtype, full_scale = _FORMATS[frame.format.packed.name]
    channels, length = channel_count(frame), frame.samples
    sound = np.empty((channels, length), np.float32)
    scale = np.float32(1 / full_scale)
    with np.errstate(over="ignore"):  # a double may be beyond single precision
        if frame.format.is_planar:
            for row, plane in zip(sound, frame.planes, strict=False):
                raw = np.frombuffer(memoryview(plane), dtype, length)
                np.multiply(raw, scale, out=row, casting="same_kind", dtype=np.float32)
        else:
            packed = np.frombuffer(memoryview(frame.planes[0]), dtype, channels * length)
            raw = packed.reshape(length, channels).T
            np.multiply(raw, scale, out=sound, casting="same_kind", dtype=np.float32)
    if dtype == "u1":
        sound -= np.float32(1)
    return sound
