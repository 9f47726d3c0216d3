"""From frames to mono samples at one rate, whatever changes on the way."""

from collections.abc import Iterable, Iterator

import numpy as np

from streamer import limits
from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.frames import to_float
from streamer.audio.mixing import Mixer
from streamer.audio.resample import Resampler
from streamer.decoder.records import Frame
from streamer.errors import AudioError


def mono(
    frames: Iterable[Frame | float], rate: int, channels: tuple[int, ...], cleaner: Cleaner
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
    mixer = Mixer(channels, cleaner)
    converter = _Converter(rate)
    for piece in frames:
        if isinstance(piece, Frame):
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
        if rate not in limits.RATES:
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
