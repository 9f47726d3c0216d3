"""What FFmpeg decodes, as float32."""

import numpy as np
from numpy.typing import NDArray

from streamer.decoder.records import Frame

_FORMATS = {
    "u8": ("u1", 2.0**7),
    "s16": ("i2", 2.0**15),
    "s32": ("i4", 2.0**31),
    "s64": ("i8", 2.0**63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}


def to_float(frame: Frame) -> NDArray[np.float32]:
    """Copy a frame's samples.

    Parameters
    ----------
    frame
        In any of FFmpeg's sample formats, planar or packed; whole.

    Returns
    -------
    NDArray[np.float32]
        Shape (channels, n); integers are scaled to [-1, 1], floats are as they were.
    """
    packed = frame.form.removesuffix("p")
    dtype, full_scale = _FORMATS[packed]
    raw = np.frombuffer(frame.data, dtype)
    if packed == frame.form:
        raw = raw.reshape(-1, frame.channels).T
    else:
        raw = raw.reshape(frame.channels, -1)
    sound = np.empty(raw.shape, np.float32)
    with np.errstate(over="ignore"):  # a double may be beyond single precision
        scale = np.float32(1 / full_scale)
        np.multiply(raw, scale, out=sound, casting="same_kind", dtype=np.float32)
    if dtype == "u1":
        sound -= np.float32(1)
    return sound
