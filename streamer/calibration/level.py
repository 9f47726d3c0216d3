"""A gain from how loud the music was."""

from collections.abc import Iterable

import numpy as np

from streamer.calibration.model import Calibration
from streamer.config import Zone
from streamer.errors import StreamerError
from streamer.tracking.gain import LEAST, MOST, REFERENCE_DBFS, SHARE

_SOUND_DBFS = -90.0  # below is no microphone's noise, but none at all
_LEAST_LEVELS = 50


def programme_level(levels: Iterable[float]) -> float:
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
    return float(np.quantile(heard, SHARE))


def gain_for(level: float) -> float:
    """Return the gain in dB that takes a programme level in dBFS to the reference.

    Raises
    ------
    StreamerError
        It would be beyond what a gain may be.
    """
    gain = round(REFERENCE_DBFS - level, 1)
    if gain > MOST:
        raise StreamerError(
            f"no calibration: the music came in at {level:.0f} dBFS, which would need a gain of "
            f"{gain:.0f} dB, and {MOST:.0f} are the most; turn up the microphone or its channel"
        )
    return max(gain, LEAST)


def by_level(zone: Zone, levels: Iterable[float]) -> Calibration:
    """Return the calibration that music of these levels asks for; see `programme_level`.

    Raises
    ------
    StreamerError
        There was hardly any sound, or it was far too quiet.
    """
    level = programme_level(levels)
    return Calibration.of(zone, gain_db=gain_for(level), level_dbfs=round(level, 1))
