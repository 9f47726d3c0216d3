"""The records in which data sets are read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MIDI_SUFFIXES = {".mid", ".midi"}


@dataclass(frozen=True, slots=True)
class ReadyViews:
    """Views that somebody else computed: one row of a data set's arrays.

    Attributes
    ----------
    mel
        File of log-Mel spectrograms, (N, 128, T).
    cochleagram
        File of cochleagrams, (N, 84, T).
    row
        Which of the N.
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
        Which one it is.
    group
        What must stay together in one fold: the series, the song.
    style
        What else sounds like it: the genre, the series; the data set where nothing is known.
    source
        Sound file, MIDI file or ready views.
    start, end
        The part of the source that is meant, in seconds; to its end where `end` is None.
    times
        Seconds from `start` at which the labels stand, rising, shape (n,).
    valence, arousal
        Labels in [-1, 1], shape (n,), the mean over raters; n is 0 where there are none.
    spread
        Standard deviation over raters of valence and arousal, shape (n, 2), where it is known.
    """

    dataset: str
    name: str
    group: str
    source: Path | ReadyViews
    start: float = 0.0
    end: float | None = None
    times: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]
    spread: NDArray[np.float64] | None = None
    style: str = ""

    @property
    def is_midi(self) -> bool:
        """Whether the source is a score that has to be rendered."""
        return isinstance(self.source, Path) and self.source.suffix.lower() in MIDI_SUFFIXES

    @property
    def labelled_span(self) -> tuple[float, float]:
        """Seconds between which labels hold: everywhere for one, else half a step beyond them."""
        if len(self.times) < 2:
            return 0.0, float("inf")
        first, last = self.times[1] - self.times[0], self.times[-1] - self.times[-2]
        return max(0.0, float(self.times[0] - first / 2)), float(self.times[-1] + last / 2)

    def labels_at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Valence and arousal at any times in seconds, interpolated, shape (n, 2)."""
        columns = [np.interp(times, self.times, axis) for axis in (self.valence, self.arousal)]
        return np.stack(columns, axis=-1).astype(np.float32)

    @property
    def mean_label(self) -> NDArray[np.float64]:
        """Mean valence and arousal over the piece, shape (2,)."""
        return np.array([self.valence.mean(), self.arousal.mean()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Ratings of one piece.

    Attributes
    ----------
    name, group
        Which piece, and what must stay together with it.
    raters
        Who rated.
    times
        Seconds at which the ratings stand, rising, (n,).
    values
        Valence and arousal in [-1, 1], (raters, n, 2); NaN where a rater said nothing.
    """

    name: str
    group: str
    raters: tuple[str, ...]
    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.raters), len(self.times), 2)
        if self.values.shape != expected:
            raise ValueError(f"{self.name}: ratings of shape {self.values.shape}, not {expected}")
        if not (np.isnan(self.values) | (np.abs(self.values) <= 1.0)).all():
            raise ValueError(f"{self.name}: ratings that are not numbers from -1 to 1")
