"""Measure the programme level of music, and derive the gain that brings it to the reference."""

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

_MIN_LEVEL_DBFS = -90.0  # the noise of any microphone is louder: below it there is no input
_MIN_LEVELS = 50


class LevelMeter:
    """RMS level of each 100 ms of audio.

    Parameters
    ----------
    rate
        Sample rate in Hz.

    Attributes
    ----------
    levels
        Levels so far in dBFS, without digital silence.
    seconds
        Duration of the audio so far.
    """

    def __init__(self, rate: int) -> None:
        self.levels: list[float] = []
        self.seconds = 0.0
        self._rate = rate
        self._interval = round(LEVEL_INTERVAL_S * rate)
        self._rest: NDArray[np.float32] = np.empty(0, dtype=np.float32)

    def push(self, block: Block) -> None:
        """Measure a block."""
        self.seconds += len(block.samples) / self._rate
        samples = np.concatenate([self._rest, block.samples])
        count = len(samples) // self._interval
        self._rest = samples[count * self._interval :]
        intervals = samples[: count * self._interval].reshape(count, self._interval)
        powers = np.mean(np.square(intervals, dtype=np.float64), axis=1)
        self.levels += (10.0 * np.log10(powers[powers > 0.0])).tolist()


def programme_level(levels: list[float]) -> float:
    """Return the programme level in dBFS: the 0.9 quantile of the levels.

    Parameters
    ----------
    levels
        RMS in dBFS of successive intervals of about 100 ms.

    Raises
    ------
    StreamerError
        Less than 5 s of the audio is above -90 dBFS.
    """
    audible = np.array([level for level in levels if level > _MIN_LEVEL_DBFS])
    if len(audible) < _MIN_LEVELS:
        raise StreamerError(
            "cannot calibrate: there was hardly any audio; play music at the volume of the event, "
            "and see `streamer levels` and `streamer doctor`"
        )
    return float(np.quantile(audible, PROGRAMME_QUANTILE))


def gain_for(level: float) -> float:
    """Return the gain in dB that brings a programme level in dBFS to the reference.

    Raises
    ------
    StreamerError
        It exceeds the largest gain.
    """
    gain = round(REFERENCE_DBFS - level, 1)
    if gain > MAX_GAIN_DB:
        raise StreamerError(
            f"cannot calibrate: music at {level:.0f} dBFS needs a gain of {gain:.0f} dB, and the "
            f"largest is {MAX_GAIN_DB:.0f}; turn up the microphone or its channel"
        )
    return max(gain, MIN_GAIN_DB)


def calibrate_by_level(
    zone: Zone, levels: list[float], earlier: Calibration | None = None
) -> Calibration:
    """Return the calibration for music of these levels.

    Parameters
    ----------
    zone
        The zone that was measured.
    levels
        As for `programme_level`.
    earlier
        Earlier calibration of the zone; if the input is the same, its correction is kept.

    Raises
    ------
    StreamerError
        There was hardly any audio, or it was far too quiet.
    """
    level = programme_level(levels)
    calibration = Calibration.of(zone, gain_db=gain_for(level), level_dbfs=round(level, 1))
    if earlier is None or not earlier.is_valid_for(zone):
        return calibration
    kept = {"correction": earlier.correction, "reference": earlier.reference}
    return calibration.model_copy(update=kept)
