"""Amplify the audio of a zone: a fixed gain, and an optional automatic one."""

import numpy as np
from numpy.typing import NDArray

REFERENCE_DBFS = -18.0
"""Programme level that music is brought to: about the median of the training recordings."""

LEVEL_INTERVAL_S = 0.1
"""Seconds of audio in each level measurement."""

MIN_GAIN_DB, MAX_GAIN_DB = -20.0, 30.0
"""Range of the fixed gain in dB. Audio that needs more must be amplified where it is captured."""

AUTO_GAIN_RANGE_DB = 12.0
"""Largest difference of the automatic gain from the fixed one, in dB."""

PROGRAMME_QUANTILE = 0.9
"""The programme level is this quantile of the levels: that of the loud passages."""

_STEP_DB_PER_S = 0.2  # the gain falls by 0.18 dB/s in loud music, and rises by 0.02 dB/s in quiet
_SILENT_DBFS = -60.0


class Gain:
    """Multiplies the audio of one zone, before anything else processes it.

    The automatic gain holds the *programme level*, the 0.9 quantile of the levels, at the
    reference. It tracks that quantile in steps of fixed size: down by nine parts after an interval
    of 100 ms that is louder, up by one part after one that is quieter. So a quiet passage raises
    the gain by at most 1.2 dB per minute: an evening at half the volume is levelled out, a ballad
    stays a ballad. Silence changes nothing. Block sizes do not change the result.

    Parameters
    ----------
    sample_rate
        In Hz.
    gain_db
        The fixed gain in dB.
    automatic
        Whether to follow the programme level.
    """

    def __init__(self, sample_rate: int, gain_db: float = 0.0, *, automatic: bool = False) -> None:
        self._automatic = automatic
        self._interval = np.zeros(round(LEVEL_INTERVAL_S * sample_rate), dtype=np.float32)
        self._filled = 0
        self._step_db = _STEP_DB_PER_S * LEVEL_INTERVAL_S
        self.set_fixed(gain_db)

    @property
    def fixed_db(self) -> float:
        """The fixed gain, in dB."""
        return self._fixed_db

    @property
    def gain_db(self) -> float:
        """The present gain, fixed and automatic, in dB."""
        return self._fixed_db + self._automatic_db

    def set_fixed(self, gain_db: float) -> None:
        """Set the fixed gain; the automatic one starts again from 0 dB."""
        self._fixed_db = gain_db
        self._automatic_db = 0.0
        self._factor = np.float32(10.0 ** (gain_db / 20.0))

    def reset(self) -> None:
        """Start a new level interval after a gap; the gain stays."""
        self._filled = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mono samples, (n,), multiplied by the gain."""
        if not self._automatic:
            return samples if self.gain_db == 0.0 else samples * self._factor
        amplified = np.empty_like(samples)
        done = 0
        while done < len(samples):
            part = samples[done : done + len(self._interval) - self._filled]
            amplified[done : done + len(part)] = part * self._factor
            self._interval[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            done += len(part)
            if self._filled == len(self._interval):
                self._filled = 0
                self._adapt()
        return amplified

    def _adapt(self) -> None:
        """Move the automatic gain by one step, after a full interval."""
        power = float(np.mean(np.square(self._interval, dtype=np.float64)))
        level = 10.0 * np.log10(power) + self._fixed_db if power > 0.0 else -np.inf
        if level < _SILENT_DBFS:
            return
        too_loud = level + self._automatic_db > REFERENCE_DBFS
        step = self._step_db * (PROGRAMME_QUANTILE if too_loud else PROGRAMME_QUANTILE - 1.0)
        moved = self._automatic_db - step
        self._automatic_db = min(AUTO_GAIN_RANGE_DB, max(-AUTO_GAIN_RANGE_DB, moved))
        self._factor = np.float32(10.0 ** (self.gain_db / 20.0))
