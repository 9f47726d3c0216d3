"""Read PMEmo: choruses of popular songs, rated by 457 people, one label a song and two a second.

Zhang et al., "The PMEmo dataset for music emotion recognition", ICMR 2018; at
github.com/HuiZhangDB/PMEmo, with the sound on request.
"""

from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece
from training.datasets.tables import NINE_POINT, ZERO_TO_ONE, Table, find_audio_files, find_table

_AXES = ("Valence", "Arousal")


def read_pmemo(folder: Path, *, dynamic: bool) -> list[Piece]:
    """Read the labelled choruses below `folder` whose audio file exists.

    Parameters
    ----------
    folder
        `annotations/static_annotations.csv` (and `..._std.csv`), `annotations/
        dynamic_annotations.csv`, `chorus/<musicId>.mp3`. A static table on nine points with the
        standard deviations beside the means is read, too; its deviations are in [0, 1].
    dynamic
        Whether to read the labels of each half second instead of one a song.

    Raises
    ------
    ValueError
        Audio files or tables are missing, or a table is invalid.
    """
    audio = find_audio_files(folder)
    if not audio:
        raise ValueError(f"cannot read PMEmo: {folder} has no audio files")
    pieces = _dynamic(folder, audio) if dynamic else _static(folder, audio)
    if not pieces:
        raise ValueError(f"cannot read PMEmo: {folder} has no audio file of a song in its tables")
    return sorted(pieces, key=lambda piece: piece.name)


def _table(folder: Path, name: str) -> Table | None:
    path = find_table(folder, name)
    return Table(path) if path else None


def _static(folder: Path, audio: dict[str, Path]) -> list[Piece]:
    table = _table(folder, "static_annotations.csv")
    if table is None:
        raise ValueError(f"cannot read PMEmo: {folder} has no static_annotations.csv")
    if table.has_column("song_id"):
        key, scale, columns = "song_id", NINE_POINT, [f"{axis.lower()}_mean" for axis in _AXES]
        deviations = [f"{axis.lower()}_std" for axis in _AXES]
        std_table: Table | None = table
    else:
        key, scale, columns = "musicId", ZERO_TO_ONE, [f"{axis}(mean)" for axis in _AXES]
        std_table = _table(folder, "static_annotations_std.csv")
        deviations = [f"{axis}(std)" for axis in _AXES]
    rater_std = {}
    if std_table:
        for row in range(len(std_table)):
            values = [std_table.number(row, column, ZERO_TO_ONE) for column in deviations]
            rater_std[std_table.cell(row, key)] = ZERO_TO_ONE.convert_std([values])
    pieces = []
    for row in range(len(table)):
        song = table.cell(row, key)
        valence, arousal = scale.convert([table.number(row, one, scale) for one in columns])
        if song in audio:
            pieces.append(
                Piece(
                    dataset="pmemo",
                    name=song,
                    group=song,
                    source=audio[song],
                    times=np.zeros(1),
                    valence=np.array([valence]),
                    arousal=np.array([arousal]),
                    rater_std=rater_std.get(song),
                )
            )
    return pieces


def _dynamic(folder: Path, audio: dict[str, Path]) -> list[Piece]:
    table = _table(folder, "dynamic_annotations.csv")
    if table is None:
        raise ValueError(f"cannot read PMEmo: {folder} has no dynamic_annotations.csv")
    moments: dict[str, list[tuple[float, float, float]]] = {}
    for row in range(len(table)):
        values = [table.number(row, f"{axis}(mean)", ZERO_TO_ONE) for axis in _AXES]
        moments.setdefault(table.cell(row, "musicId"), []).append(
            (table.number(row, "frameTime"), *ZERO_TO_ONE.convert(values))
        )
    pieces = []
    for song, rows in moments.items():
        if song in audio:
            times, valence, arousal = np.array(sorted(rows)).T
            pieces.append(
                Piece(
                    dataset="pmemo-dynamic",
                    name=song,
                    group=song,
                    source=audio[song],
                    times=times,
                    valence=valence,
                    arousal=arousal,
                )
            )
    return pieces
