"""emoMusic (1000songs) and DEAM: 45 s excerpts of free music from the MediaEval benchmark.

Soleymani et al., "1000 songs for emotional analysis of music", CrowdMM 2013, and Aljanaby, Yang,
Soleymani, "Developing a benchmark for emotional analysis of music", PLOS ONE 2017. Both are at
cvml.unige.ch/databases. DEAM contains emoMusic under the same song numbers, so both share groups.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.records import Piece
from training.datasets.tables import NINE_POINT, UNIT, Scale, Table, find_sounds, find_table


def read_mediaeval(folder: Path, *, dataset: str, dynamic: bool) -> list[Piece]:
    """Read the songs below `folder` whose sound is there.

    Parameters
    ----------
    folder
        The official layout, or any in which the official names occur: `static_annotations.csv` or
        `static_annotations_averaged*.csv` with means and deviations on nine points; `arousal*.csv`
        and `valence*.csv` with a column for each half second in [-1, 1]; mp3 files named by song
        number.
    dataset
        "emomusic" or "deam".
    dynamic
        Take the labels of each half second, in place of one a song.
    """
    sounds = find_sounds(folder)
    if not sounds:
        raise ValueError(f"{folder} holds no sound files")
    labels = _dynamic(folder) if dynamic else _static(folder)
    pieces = [
        Piece(
            dataset=f"{dataset}-dynamic" if dynamic else dataset,
            name=song,
            group=f"mediaeval {song}",
            source=sounds[song],
            times=times,
            valence=valence,
            arousal=arousal,
            spread=spread,
        )
        for song, (times, valence, arousal, spread) in labels.items()
        if song in sounds
    ]
    if not pieces:
        raise ValueError(f"{folder} holds the sound of none of the songs in its tables")
    return pieces


Labels = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None
]


def _static(folder: Path) -> dict[str, Labels]:
    names = ("static_annotations.csv", "static_annotations_averaged*.csv")  # not each rater's
    paths = sorted(path for name in names for path in folder.rglob(name))
    if not paths:
        raise ValueError(f"{folder} holds none of {', '.join(names)}")
    labels: dict[str, Labels] = {}
    for path in paths:
        table = Table(path)
        columns = {  # DEAM says valence_mean, emoMusic mean_valence
            (axis, kind): f"{axis}_{kind}" if table.has(f"{axis}_mean") else f"{kind}_{axis}"
            for axis in ("valence", "arousal")
            for kind in ("mean", "std")
        }
        for row in range(len(table)):
            mean = [table.number(row, columns[axis, "mean"], NINE_POINT) for axis in _AXES]
            spread = [table.number(row, columns[axis, "std"], _DEVIATION) for axis in _AXES]
            valence, arousal = NINE_POINT.convert(mean)
            labels[table.text(row, "song_id")] = (
                np.zeros(1),
                np.array([valence]),
                np.array([arousal]),
                NINE_POINT.convert_spread([spread]),
            )
    return labels


_AXES = ("valence", "arousal")
_DEVIATION = Scale(0.0, NINE_POINT.high - NINE_POINT.low)


def _dynamic(folder: Path) -> dict[str, Labels]:
    means = [_series(folder, (f"{axis}.csv", f"{axis}_cont_average.csv"), UNIT) for axis in _AXES]
    spreads = [_series(folder, (f"{axis}_std.csv", f"{axis}_cont_std.csv")) for axis in _AXES]
    if not all(means):
        raise ValueError(f"{folder} holds no valence.csv and arousal.csv of each half second")
    labels: dict[str, Labels] = {}
    for song, (times, valence) in means[0].items():
        if song not in means[1]:
            continue
        arousal = np.interp(times, *means[1][song])
        spread = None
        if all(song in one for one in spreads):
            spread = np.stack([np.interp(times, *one[song]) for one in spreads], axis=1)
        labels[song] = (times, UNIT.convert(valence), UNIT.convert(arousal), spread)
    return labels


def _series(
    folder: Path, names: tuple[str, str], scale: Scale | None = None
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    path = next((found for name in names if (found := find_table(folder, name))), None)
    if path is None:
        return {}
    table = Table(path)
    return {
        table.text(row, "song_id"): table.series(row, "sample_", scale) for row in range(len(table))
    }
