"""PMEmo: choruses of popular songs, rated by 457 people, one value a song and two a second.

Zhang et al., "The PMEmo dataset for music emotion recognition", ICMR 2018; at
github.com/HuiZhangDB/PMEmo, with the sound on request.
"""

from pathlib import Path

import numpy as np

from training.datasets.records import Piece
from training.datasets.tables import NINE_POINT, ZERO_TO_ONE, Table, find_sounds, find_table

_AXES = ("Valence", "Arousal")


def read_pmemo(folder: Path, *, dynamic: bool) -> list[Piece]:
    """Read the choruses below `folder` whose sound is there.

    Parameters
    ----------
    folder
        `annotations/static_annotations.csv` (and `..._std.csv`), `annotations/
        dynamic_annotations.csv`, `chorus/<musicId>.mp3`. A static table on nine points with the
        deviations beside the means is read too; its deviations are in [0, 1].
    dynamic
        Take the labels of each half second, in place of one a song.
    """
    sounds = find_sounds(folder)
    if not sounds:
        raise ValueError(f"{folder} holds no sound files")
    pieces = _dynamic(folder, sounds) if dynamic else _static(folder, sounds)
    if not pieces:
        raise ValueError(f"{folder} holds the sound of none of the songs in its tables")
    return sorted(pieces, key=lambda piece: piece.name)


def _table(folder: Path, name: str) -> Table | None:
    path = find_table(folder, name)
    return Table(path) if path else None


def _static(folder: Path, sounds: dict[str, Path]) -> list[Piece]:
    table = _table(folder, "static_annotations.csv")
    if table is None:
        raise ValueError(f"{folder} holds no static_annotations.csv")
    if table.has("song_id"):
        key, scale, columns = "song_id", NINE_POINT, [f"{axis.lower()}_mean" for axis in _AXES]
        deviations = [f"{axis.lower()}_std" for axis in _AXES]
        beside: Table | None = table
    else:
        key, scale, columns = "musicId", ZERO_TO_ONE, [f"{axis}(mean)" for axis in _AXES]
        beside = _table(folder, "static_annotations_std.csv")
        deviations = [f"{axis}(std)" for axis in _AXES]
    spread = {}
    if beside:
        for row in range(len(beside)):
            values = [beside.number(row, column, ZERO_TO_ONE) for column in deviations]
            spread[beside.text(row, key)] = ZERO_TO_ONE.convert_spread([values])
    pieces = []
    for row in range(len(table)):
        song = table.text(row, key)
        valence, arousal = scale.convert([table.number(row, one, scale) for one in columns])
        if song in sounds:
            pieces.append(
                Piece(
                    dataset="pmemo",
                    name=song,
                    group=song,
                    source=sounds[song],
                    times=np.zeros(1),
                    valence=np.array([valence]),
                    arousal=np.array([arousal]),
                    spread=spread.get(song),
                )
            )
    return pieces


def _dynamic(folder: Path, sounds: dict[str, Path]) -> list[Piece]:
    table = _table(folder, "dynamic_annotations.csv")
    if table is None:
        raise ValueError(f"{folder} holds no dynamic_annotations.csv")
    moments: dict[str, list[tuple[float, float, float]]] = {}
    for row in range(len(table)):
        values = [table.number(row, f"{axis}(mean)", ZERO_TO_ONE) for axis in _AXES]
        moments.setdefault(table.text(row, "musicId"), []).append(
            (table.number(row, "frameTime"), *ZERO_TO_ONE.convert(values))
        )
    pieces = []
    for song, rows in moments.items():
        if song in sounds:
            times, valence, arousal = np.array(sorted(rows)).T
            pieces.append(
                Piece(
                    dataset="pmemo-dynamic",
                    name=song,
                    group=song,
                    source=sounds[song],
                    times=times,
                    valence=valence,
                    arousal=arousal,
                )
            )
    return pieces
