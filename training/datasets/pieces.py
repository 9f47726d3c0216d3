"""Pieces of music with labels, and the ratings that labels are made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

AXES = ("valence", "arousal")
MIDI_SUFFIXES = {".mid", ".midi"}


@dataclass(frozen=True, slots=True)
class PrecomputedViews:
    """Views that the makers of a data set computed: one row of its arrays.

    Attributes
    ----------
    mel
        File of log-Mel spectrograms, (N, 128, T).
    cochleagram
        File of cochleagrams, (N, 84, T).
    row
        Row of the arrays, from 0.
    """

    mel: Path
    cochleagram: Path
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of music, or a segment of one, with or without labels.

    Attributes
    ----------
    dataset, name
        Data set, and the name of the piece in it.
    group
        Pieces of one group (song, series) are never split over folds.
    style
        Genre or series. Default: unknown.
    mixed_with
        Recording that sounds at the same time, at equal loudness. Default: none.
    source
        Audio file, MIDI file or precomputed views.
    start, end
        Segment of the source in seconds. Default: all of it.
    times
        Times of the labels in seconds from `start`, ascending, (n,).
    valence, arousal
        Labels in [-1, 1], the mean over raters, (n,); n is 0 without labels.
    rater_std
        Standard deviation of valence and arousal over raters, (n, 2). Default: unknown.
    """

    dataset: str
    name: str
    group: str
    source: Path | PrecomputedViews
    start: float = 0.0
    end: float | None = None
    times: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]
    rater_std: NDArray[np.float64] | None = None
    style: str = ""
    mixed_with: "Piece | None" = None

    @property
    def is_midi(self) -> bool:
        """Whether the source is MIDI, which has to be rendered."""
        return isinstance(self.source, Path) and self.source.suffix.lower() in MIDI_SUFFIXES

    @property
    def labelled_span(self) -> tuple[float, float]:
        """Seconds between which labels are valid: any for one label, else half a step beyond."""
        if len(self.times) < 2:
            return 0.0, float("inf")
        first, last = self.times[1] - self.times[0], self.times[-1] - self.times[-2]
        return max(0.0, float(self.times[0] - first / 2)), float(self.times[-1] + last / 2)

    def labels_at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Valence and arousal at times in seconds, linearly interpolated, (n, 2)."""
        columns = [np.interp(times, self.times, axis) for axis in (self.valence, self.arousal)]
        return np.stack(columns, axis=-1).astype(np.float32)

    @property
    def mean_label(self) -> NDArray[np.float64]:
        """Mean valence and arousal over the piece, (2,)."""
        return np.array([self.valence.mean(), self.arousal.mean()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Ratings of one piece by several raters.

    Attributes
    ----------
    name, group
        Piece, and its group.
    raters
        Names of the raters.
    times
        Times of the ratings in seconds, ascending, (n,).
    values
        Valence and arousal in [-1, 1], (raters, n, 2); NaN where a rater gave none.

    Raises
    ------
    ValueError
        The values have another shape, or are out of range.
    """

    name: str
    group: str
    raters: tuple[str, ...]
    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.raters), len(self.times), 2)
        if self.values.shape != expected:
            raise ValueError(f"{self.name}: ratings have shape {self.values.shape}, not {expected}")
        if not (np.isnan(self.values) | (np.abs(self.values) <= 1.0)).all():
            raise ValueError(f"{self.name}: ratings are not all numbers from -1 to 1")
