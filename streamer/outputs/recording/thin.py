"""A long trajectory in as many points as a picture has room for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.outputs.recording.reader import Recording
from streamer.outputs.recording.row import COLUMNS

Points = dict[str, NDArray[np.float64]]
"""Columns of a recording by their names, as floats, and `seconds` since its beginning."""


def thin(recording: Recording, most: int) -> Points:
    """Return the means of equally many rows each, at most so many points.

    A recording that has no more rows is returned as it is.
    """
    columns: dict[str, NDArray[Any]] = {"seconds": recording.seconds}
    columns |= {name: recording.columns[name] for name in COLUMNS}
    points = min(most, len(recording))
    starts = np.arange(points) * len(recording) // points
    counts = np.diff(starts, append=len(recording))
    return {
        name: np.add.reduceat(values.astype(np.float64), starts) / counts
        for name, values in columns.items()
    }


def with_gaps(points: Points) -> Points:
    """Return the points with one that is not a number wherever nothing was recorded for a while.

    A line through them is interrupted there.
    """
    steps = np.diff(points["seconds"])
    if not len(steps):
        return points
    after = np.flatnonzero(steps > max(1.0, 3 * float(np.median(steps)))) + 1
    return {name: np.insert(values, after, np.nan) for name, values in points.items()}
