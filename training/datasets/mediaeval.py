"""Read emoMusic (1000songs) and DEAM: 45 s excerpts of free music, of the MediaEval benchmark.

Soleymani et al., "1000 songs for emotional analysis of music", CrowdMM 2013, and Aljanaby, Yang,
Soleymani, "Developing a benchmark for emotional analysis of music", PLOS ONE 2017. Both are at
cvml.unige.ch/databases. DEAM contains emoMusic under the same song numbers, so both share groups.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pieces import AXES, Piece
from training.datasets.tables import NINE_POINT, UNIT, Scale, Table, find_audio_files, find_table

_STD_SCALE = Scale(0.0, NINE_POINT.high - NINE_POINT.low)

Labels = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None
]  # times, valence, arousal, rater_std


def read_mediaeval(folder: Path, *, dataset: str, dynamic: bool) -> list[Piece]:
    """Read the labelled songs below `folder` whose audio file exists.

    Parameters
    ----------
    folder
        Official layout, or any with the official file names: `static_annotations.csv` or
        `static_annotations_averaged*.csv` with means and deviations on nine points; `arousal*.csv`
        and `valence*.csv` with one column a half second in [-1, 1]; mp3 files named by song number.
    dataset
        "emomusic" or "deam".
    dynamic
        Whether to read the labels of each half second instead of one a song.

    Raises
    ------
    ValueError
        Audio files or tables are missing, or a table is invalid.
    """
    audio = find_audio_files(folder)
    if not audio:
        raise ValueError(f"cannot read {dataset}: {folder} has no audio files")
    labels = _dynamic(folder) if dynamic else _static(folder)
    pieces = [
        Piece(
            dataset=f"{dataset}-dynamic" if dynamic else dataset,
            name=song,
            group=f"mediaeval {song}",
            source=audio[song],
            times=times,
            valence=valence,
            arousal=arousal,
            rater_std=rater_std,
        )
        for song, (times, valence, arousal, rater_std) in labels.items()
        if song in audio
    ]
    if not pieces:
        raise ValueError(
            f"cannot read {dataset}: {folder} has no audio file of a song in its tables"
        )
    return pieces


def _static(folder: Path) -> dict[str, Labels]:
    names = ("static_annotations.csv", "static_annotations_averaged*.csv")  # not per rater
    paths = sorted(path for name in names for path in folder.rglob(name))
    if not paths:
        raise ValueError(f"cannot read labels: {folder} has none of {', '.join(names)}")
    labels: dict[str, Labels] = {}
    for path in paths:
        table = Table(path)
        columns = {  # valence_mean in DEAM, mean_valence in emoMusic
            (axis, kind): f"{axis}_{kind}" if table.has_column(f"{axis}_mean") else f"{kind}_{axis}"
            for axis in AXES
            for kind in ("mean", "std")
        }
        for row in range(len(table)):
            mean = [table.number(row, columns[axis, "mean"], NINE_POINT) for axis in AXES]
            rater_std = [table.number(row, columns[axis, "std"], _STD_SCALE) for axis in AXES]
            valence, arousal = NINE_POINT.convert(mean)
            labels[table.cell(row, "song_id")] = (
                np.zeros(1),
                np.array([valence]),
                np.array([arousal]),
                NINE_POINT.convert_std([rater_std]),
            )
    return labels


def _dynamic(folder: Path) -> dict[str, Labels]:
    means = [_series(folder, (f"{axis}.csv", f"{axis}_cont_average.csv"), UNIT) for axis in AXES]
    stds = [_series(folder, (f"{axis}_std.csv", f"{axis}_cont_std.csv")) for axis in AXES]
    if not all(means):
        raise ValueError(
            f"cannot read labels: {folder} has no valence.csv and arousal.csv of each half second"
        )
    labels: dict[str, Labels] = {}
    for song, (times, valence) in means[0].items():
        if song not in means[1]:
            continue
        arousal = np.interp(times, *means[1][song])
        rater_std = None
        if all(song in one for one in stds):
            rater_std = np.stack([np.interp(times, *one[song]) for one in stds], axis=1)
        labels[song] = (times, UNIT.convert(valence), UNIT.convert(arousal), rater_std)
    return labels


def _series(
    folder: Path, names: tuple[str, str], scale: Scale | None = None
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    path = next((found for name in names if (found := find_table(folder, name))), None)
    if path is None:
        return {}
    table = Table(path)
    return {
        table.cell(row, "song_id"): table.series(row, "sample_", scale) for row in range(len(table))
    }
