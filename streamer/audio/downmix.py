"""Convert decoded frames of any format, rate and channel count to mono at one rate."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer import limits
from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.resampler import Resampler
from streamer.decoder.messages import PcmFrame
from streamer.errors import AudioError, UsageError

_SAMPLE_FORMATS = {  # FFmpeg's name: dtype, full scale
    "u8": ("u1", 2.0**7),
    "s16": ("i2", 2.0**15),
    "s32": ("i4", 2.0**31),
    "s64": ("i8", 2.0**63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}


def downmix(
    frames: Iterable[PcmFrame | float], rate: int, channels: tuple[int, ...], cleaner: Cleaner
) -> Iterator[Samples | int]:
    """Yield mono samples at one rate, or the number of lost samples.

    Parameters
    ----------
    frames
        Decoded frames; a number is a loss, in seconds.
    rate
        Output rate in Hz. Frames at another rate are resampled.
    channels
        Channels to mix, counted from 1. Empty: all.
    cleaner
        Counts non-finite and clipped samples.

    Raises
    ------
    AudioError
        A frame has none of the chosen channels, or its rate is out of range.
    """
    downmixer = Downmixer(channels, cleaner)
    converter = _RateConverter(rate)
    for item in frames:
        if isinstance(item, PcmFrame):
            yield converter.push(downmixer.downmix(to_float(item)), item.rate)
        else:
            yield max(round(item * rate), 1)
    yield converter.flush()


class Downmixer:
    """Clean the chosen channels and average them.

    Parameters
    ----------
    channels
        Channels to mix, counted from 1. Empty: all.
    cleaner
        Counts non-finite and clipped samples, per channel, before the mix.
    """

    def __init__(self, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        self._rows = [channel - 1 for channel in dict.fromkeys(channels)]
        self._cleaner = cleaner

    def downmix(self, samples: NDArray[np.floating[Any]]) -> Samples:
        """Return the mean of the chosen channels.

        Parameters
        ----------
        samples
            Floating point, shape (channels, n).

        Returns
        -------
        Samples
            A new float32 array, shape (n,), finite, in [-1, 1].

        Raises
        ------
        AudioError
            None of the chosen channels is present any more.
        """
        rows = [row for row in self._rows if row < len(samples)]
        if self._rows and not rows:
            raise AudioError(
                f"cannot use the chosen channels: the audio goes on with {len(samples)} "
                "channel(s), none of them chosen; choose channels that it has to its end"
            )
        chosen = self._cleaner.clean(samples[rows] if rows else samples)
        mono = np.array(chosen[0], dtype=np.float32)
        for row in chosen[1:]:
            mono += row
        if len(chosen) > 1:
            mono *= np.float32(1 / len(chosen))
        return mono


def check_channels(channels: tuple[int, ...], available: int, where: str) -> None:
    """Raise unless every chosen channel exists.

    Parameters
    ----------
    channels
        Counted from 1. Empty: all.
    available
        Number of channels.
    where
        Name of the input, for the message.

    Raises
    ------
    UsageError
        A channel is not in 1..available.
    """
    for channel in channels:
        if not 1 <= channel <= available:
            count = "1 channel" if available == 1 else f"{available} channels"
            raise UsageError(
                f"cannot use channel {channel}: {where} has {count}; "
                f"choose from 1 to {available}, or none to mix all"
            )


def to_float(frame: PcmFrame) -> NDArray[np.float32]:
    """Convert a frame's samples to float32.

    Parameters
    ----------
    frame
        Complete, in any of FFmpeg's sample formats, planar or packed.

    Returns
    -------
    NDArray[np.float32]
        A copy, shape (channels, n). Integers are scaled to [-1, 1]; floats keep their values.
    """
    packed = frame.sample_format.removesuffix("p")
    dtype, full_scale = _SAMPLE_FORMATS[packed]
    raw = np.frombuffer(frame.data, dtype)
    if packed == frame.sample_format:
        raw = raw.reshape(-1, frame.channels).T
    else:
        raw = raw.reshape(frame.channels, -1)
    samples = np.empty(raw.shape, np.float32)
    with np.errstate(over="ignore"):  # a double may exceed single precision
        scale = np.float32(1 / full_scale)
        np.multiply(raw, scale, out=samples, casting="same_kind", dtype=np.float32)
    if dtype == "u1":
        samples -= np.float32(1)
    return samples


class _RateConverter:
    """Resample samples whose rate differs from the output's; the rate may change at any time."""

    def __init__(self, rate: int) -> None:
        self._target_rate = self._source_rate = rate
        self._resampler: Resampler | None = None

    def push(self, samples: Samples, rate: int) -> Samples:
        rest = np.empty(0, np.float32)
        if rate not in limits.SAMPLE_RATES:
            raise AudioError(
                f"cannot resample: the sample rate changed to {rate} Hz, which is out of range; "
                "give another source"
            )
        if rate != self._source_rate:
            rest = self.flush()
            self._resampler = (
                None if rate == self._target_rate else Resampler(rate, self._target_rate)
            )
            self._source_rate = rate
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        return np.concatenate((rest, samples)) if len(rest) else samples

    def flush(self) -> Samples:
        return np.empty(0, np.float32) if self._resampler is None else self._resampler.flush()
