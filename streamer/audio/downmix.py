"""From frames to mono samples at one rate, whatever changes on the way.

What FFmpeg decodes, as float32.

From any number of channels to one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer import limits
from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.resampler import Resampler
from streamer.child.framing import PcmFrame
from streamer.errors import AudioError, UsageError


def downmix(
    frames: Iterable[PcmFrame | float], rate: int, channels: tuple[int, ...], cleaner: Cleaner
) -> Iterator[Samples | int]:
    """Yield mono samples at one rate, or how many of them are lost.

    Parameters
    ----------
    frames
        Frames, or seconds that are lost.
    rate
        Of the first frame, in Hz; what comes at another is converted to it.
    channels
        To mix, counted from 1; empty means all.
    cleaner
        Counts what is cleaned.

    Raises
    ------
    AudioError
        The chosen channels are gone, or the rate cannot be.
    """
    mixer = Downmixer(channels, cleaner)
    converter = _Converter(rate)
    for piece in frames:
        if isinstance(piece, PcmFrame):
            yield converter.push(mixer.mix(to_float(piece)), piece.rate)
        else:
            yield max(round(piece * rate), 1)
    yield converter.flush()


class _Converter:
    """Converts what comes at another rate than the first frame."""

    def __init__(self, rate: int) -> None:
        self._rate = self._rate_now = rate
        self._resampler: Resampler | None = None

    def push(self, samples: Samples, rate: int) -> Samples:
        rest = np.empty(0, np.float32)
        if rate not in limits.SAMPLE_RATES:
            raise AudioError(
                f"the sound goes on at {rate} Hz, which cannot be; give another source"
            )
        if rate != self._rate_now:
            rest = self.flush()
            self._resampler = None if rate == self._rate else Resampler(rate, self._rate)
            self._rate_now = rate
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        return np.concatenate((rest, samples)) if len(rest) else samples

    def flush(self) -> Samples:
        return np.empty(0, np.float32) if self._resampler is None else self._resampler.flush()


_FORMATS = {
    "u8": ("u1", 2.0**7),
    "s16": ("i2", 2.0**15),
    "s32": ("i4", 2.0**31),
    "s64": ("i8", 2.0**63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}


def to_float(frame: PcmFrame) -> NDArray[np.float32]:
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
    packed = frame.sample_format.removesuffix("p")
    dtype, full_scale = _FORMATS[packed]
    raw = np.frombuffer(frame.data, dtype)
    if packed == frame.sample_format:
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


def check_channels(channels: tuple[int, ...], available: int, where: str) -> None:
    """Refuse a choice of channels that does not exist.

    Parameters
    ----------
    channels
        Counted from 1; empty means all.
    available
        How many there are.
    where
        What has them, for the message.

    Raises
    ------
    UsageError
        A channel is below 1 or beyond the last one.
    """
    for channel in channels:
        if not 1 <= channel <= available:
            count = "1 channel" if available == 1 else f"{available} channels"
            raise UsageError(
                f"channel {channel} does not exist: {where} has {count}; "
                f"choose from 1 to {available}, or none for all of them"
            )


class Downmixer:
    """Clean the chosen channels and take their mean.

    Parameters
    ----------
    channels
        Counted from 1; empty means all.
    cleaner
        Counts what is cleaned, channel by channel, before the mix.
    """

    def __init__(self, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        self._rows = [channel - 1 for channel in dict.fromkeys(channels)]
        self._cleaner = cleaner

    def mix(self, sound: NDArray[np.floating[Any]]) -> Samples:
        """Return the mean of the chosen channels.

        Parameters
        ----------
        sound
            Floating point, shape (channels, n).

        Returns
        -------
        Samples
            A new float32 array, shape (n,), finite, in [-1, 1].

        Raises
        ------
        AudioError
            None of the chosen channels is there any more.
        """
        rows = [row for row in self._rows if row < len(sound)]
        if self._rows and not rows:
            raise AudioError(
                f"the sound goes on with {len(sound)} channel(s), none of them chosen; "
                "choose channels that it has to its end"
            )
        chosen = self._cleaner.clean(sound[rows] if rows else sound)
        mono = np.array(chosen[0], dtype=np.float32)
        for row in chosen[1:]:
            mono += row
        if len(chosen) > 1:
            mono *= np.float32(1 / len(chosen))
        return mono
