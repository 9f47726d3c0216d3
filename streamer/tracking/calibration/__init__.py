"""Calibration of a zone: the gain of its audio, and the correction of its estimates for the room.

`programme_level` derives the gain from the level of any music. `reference` derives gain and
correction from known music that is played in the room. `calibration_file` stores both.
"""

from streamer.tracking.calibration.calibration_file import (
    Calibration,
    CalibrationStore,
    default_calibration_path,
)
from streamer.tracking.calibration.programme_level import LevelMeter, calibrate_by_level

__all__ = [
    "Calibration",
    "CalibrationStore",
    "LevelMeter",
    "calibrate_by_level",
    "default_calibration_path",
]
