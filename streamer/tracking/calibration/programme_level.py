"""A gain from how loud the music was."""

import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Block
from streamer.config import Zone
from streamer.errors import StreamerError
from streamer.tracking.calibration.calibration_file import Calibration
from streamer.tracking.gain import (
    LEVEL_INTERVAL_S,
    MAX_GAIN_DB,
    MIN_GAIN_DB,
    PROGRAMME_QUANTILE,
    REFERENCE_DBFS,
)

_SOUND_DBFS = -90.0  # below is no microphone's noise, but none at all
_LEAST_LEVELS = 50


class LevelMeter:
    """The level of each 100 ms of what is heard.

    Parameters
    ----------
    rate
        Of the sound, in Hz.

    Attributes
    ----------
    dbfs
        The levels so far, in dBFS; digital silence is left out.
    seconds
        How much was heard.
    """

    def __init__(self, rate: int) -> None:
        self.dbfs: list[float] = []
        self.seconds = 0.0
        self._rate = rate
        self._size = round(LEVEL_INTERVAL_S * rate)
        self._rest: NDArray[np.float32] = np.empty(0, dtype=np.float32)

    def push(self, block: Block) -> None:
        """Take a block of sound."""
        self.seconds += len(block.samples) / self._rate
        sound = np.concatenate([self._rest, block.samples])
        count = len(sound) // self._size
        self._rest = sound[count * self._size :]
        stretches = sound[: count * self._size].reshape(count, self._size)
        powers = np.mean(np.square(stretches, dtype=np.float64), axis=1)
        self.dbfs += (10.0 * np.log10(powers[powers > 0.0])).tolist()


def programme_level(levels: list[float]) -> float:
    """Return the level that music exceeds a tenth of the time, in dBFS.

    Parameters
    ----------
    levels
        RMS in dBFS of successive stretches of about 100 ms.

    Raises
    ------
    StreamerError
        There was hardly any sound.
    """
    heard = np.array([level for level in levels if level > _SOUND_DBFS])
    if len(heard) < _LEAST_LEVELS:
        raise StreamerError(
            "no calibration: hardly any sound came in; play music as loud as on the evening, and "
            "see `streamer levels` and `streamer doctor`"
        )
    return float(np.quantile(heard, PROGRAMME_QUANTILE))


def gain_for(level: float) -> float:
    """Return the gain in dB that takes a programme level in dBFS to the reference.

    Raises
    ------
    StreamerError
        It would be beyond what a gain may be.
    """
    gain = round(REFERENCE_DBFS - level, 1)
    if gain > MAX_GAIN_DB:
        raise StreamerError(
            f"no calibration: the music came in at {level:.0f} dBFS, which would need a gain of "
            f"{gain:.0f} dB, and {MAX_GAIN_DB:.0f} are the most; "
            "turn up the microphone or its channel"
        )
    return max(gain, MIN_GAIN_DB)


def calibrate_by_level(
    zone: Zone, levels: list[float], before: Calibration | None = None
) -> Calibration:
    """Return the calibration that music of these levels asks for; see `programme_level`.

    Parameters
    ----------
    before
        What was known of the same input: its correction, measured by music, is kept.

    Raises
    ------
    StreamerError
        There was hardly any sound, or it was far too quiet.
    """
    level = programme_level(levels)
    found = Calibration.of(zone, gain_db=gain_for(level), level_dbfs=round(level, 1))
    if before is None or not before.is_valid_for(zone):
        return found
    kept = {"correction": before.correction, "reference": before.reference}
    return found.model_copy(update=kept)
