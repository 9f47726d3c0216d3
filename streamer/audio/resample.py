"""From the source's rate to the zone's."""

import numpy as np
import soxr

from streamer.audio.block import Samples

ZONE_RATE = 22050
"""Samples per second behind the resampler: those that the views hear."""


def zone_sample(sample: int, rate: int) -> int:
    """Return the zone sample at which a source sample lies, rounded down.

    Parameters
    ----------
    sample
        Absolute number at the source.
    rate
        The source's rate in Hz.
    """
    return sample * ZONE_RATE // rate


class Resampler:
    """Streaming resampler, soxr HQ: however the sound is cut, the same samples to the last bit.

    Its output is aligned with its input: sample m of the output lies at input time m / target rate.

    Parameters
    ----------
    source_rate
        In Hz.
    target_rate
        In Hz. At equal rates samples walk through untouched.
    """

    def __init__(self, source_rate: int, target_rate: int = ZONE_RATE) -> None:
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._stream = (
            None
            if source_rate == target_rate
            else soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
        )
        self._taken = 0
        self._given = 0
        self._max_delay = 0.0

    @property
    def delay(self) -> float:
        """Seconds of input held back right now, at least 0."""
        held = self._taken / self.source_rate - self._given / self.target_rate
        return max(held, 0.0)

    @property
    def max_delay(self) -> float:
        """The longest `delay` seen after a push, in seconds: what the corridor can wait for."""
        return self._max_delay

    def push(self, samples: Samples) -> Samples:
        """Resample what follows.

        Parameters
        ----------
        samples
            float32, shape (n,), any n.

        Returns
        -------
        Samples
            float32, shape (m,): all that is complete, perhaps nothing.
        """
        if self._stream is None:
            return samples
        if not len(samples):
            return np.zeros(0, np.float32)
        resampled: Samples = self._stream.resample_chunk(samples)
        self._taken += len(samples)
        self._given += len(resampled)
        self._max_delay = max(self._max_delay, self.delay)
        return resampled

    def flush(self) -> Samples:
        """Return what was held back, as if silence followed, and reset.

        Returns
        -------
        Samples
            float32, shape (m,).
        """
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget the sound before: what comes next follows a gap."""
        if self._stream is not None:
            self._stream.clear()
        self._taken = 0
        self._given = 0
