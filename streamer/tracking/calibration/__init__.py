"""Rooms differ: how loud a zone's sound is heard, and what its room does to the estimates.

`level` finds a gain from how loud the music was, `reference` a gain and a correction from music
that is known and was played in the room; `store` keeps both from run to run.
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
