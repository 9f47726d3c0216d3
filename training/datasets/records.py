"""The one record in which every data set is read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A labelled piece of music.

    Attributes
    ----------
    dataset, name
        Which one it is.
    group
        What must stay together in one fold: the series, the song.
    source
        Sound file or MIDI file.
    times
        Seconds from the start at which the labels stand, rising, shape (n,).
    valence, arousal
        Labels in [-1, 1], shape (n,), the mean over raters.
    """

    dataset: str
    name: str
    group: str
    source: Path
    times: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]

    def labels_at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Valence and arousal at any times in seconds, interpolated, shape (n, 2)."""
        columns = [np.interp(times, self.times, axis) for axis in (self.valence, self.arousal)]
        return np.stack(columns, axis=-1).astype(np.float32)

    @property
    def mean_label(self) -> NDArray[np.float64]:
        """Mean valence and arousal over the piece, shape (2,)."""
        return np.array([self.valence.mean(), self.arousal.mean()])
