"""How loud the music is heard: a fixed gain, and one that follows a long evening."""

import numpy as np
from numpy.typing import NDArray

REFERENCE_DBFS = -18.0
"""Programme level to bring music to: about the median of the recordings the weights learnt from."""

LEVEL_SECONDS = 0.1
"""Length of the stretches whose levels a programme level is made of."""

LEAST, MOST = -20.0, 30.0
"""Bounds of a fixed gain in dB; what needs more is to be turned up where it is captured."""

RANGE = 12.0
"""How far the automatic gain goes to either side of the fixed one, in dB."""

SHARE = 0.9
"""A programme level is exceeded a tenth of the time: that of the loud passages."""

_PACE = 0.2  # dB/s: the gain falls by 0.18 dB/s in loud music, and rises by 0.02 dB/s in quiet
_SILENT_DBFS = -60.0


class Gain:
    """Multiplies the sound of one zone before anything else hears it.

    The automatic gain holds the *programme level*, which the music exceeds a tenth of the time, at
    the reference. It tracks that quantile by steps of one size, up where a stretch of 100 ms is
    louder and a ninth as much down where it is quieter, so it moves by 1.2 dB a minute in a quiet
    passage, however quiet: an evening at half the volume is levelled out, a ballad stays a ballad.
    Silence moves nothing. What is done depends on the samples alone, not on how they are cut.

    Parameters
    ----------
    sample_rate
        In Hz.
    decibels
        The fixed gain.
    automatic
        Whether to follow the programme level.
    """

    def __init__(self, sample_rate: int, decibels: float = 0.0, *, automatic: bool = False) -> None:
        self._automatic = automatic
        self._stretch = np.zeros(round(LEVEL_SECONDS * sample_rate), dtype=np.float32)
        self._filled = 0
        self._step = _PACE * LEVEL_SECONDS
        self.set(decibels)

    @property
    def fixed(self) -> float:
        """The fixed gain, in dB."""
        return self._fixed

    @property
    def decibels(self) -> float:
        """The gain now, in dB."""
        return self._fixed + self._followed

    def set(self, decibels: float) -> None:
        """Take another fixed gain; the automatic one begins anew."""
        self._fixed = decibels
        self._followed = 0.0
        self._factor = np.float32(10.0 ** (decibels / 20.0))

    def reset(self) -> None:
        """Begin a stretch anew, as after a gap; the gain stays."""
        self._filled = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mono samples, shape (n,), made louder or quieter."""
        if not self._automatic:
            return samples if self.decibels == 0.0 else samples * self._factor
        louder = np.empty_like(samples)
        done = 0
        while done < len(samples):
            part = samples[done : done + len(self._stretch) - self._filled]
            louder[done : done + len(part)] = part * self._factor
            self._stretch[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            done += len(part)
            if self._filled == len(self._stretch):
                self._filled = 0
                self._follow()
        return louder

    def _follow(self) -> None:
        power = float(np.mean(np.square(self._stretch, dtype=np.float64)))
        level = 10.0 * np.log10(power) + self._fixed if power > 0.0 else -np.inf
        if level < _SILENT_DBFS:
            return
        too_loud = level + self._followed > REFERENCE_DBFS
        moved = self._followed - self._step * (SHARE if too_loud else SHARE - 1.0)
        self._followed = min(RANGE, max(-RANGE, moved))
        self._factor = np.float32(10.0 ** (self.decibels / 20.0))
