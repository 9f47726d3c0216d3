"""Read your own music: a folder of audio files with a table of labels.

`labels.csv` labels segments of files, with the columns path, valence, arousal and optionally start,
end and group:

    path,start,end,valence,arousal,group
    set one/opening.flac,0,30,0.2,-0.5,opening
    set one/opening.flac,30,75,0.6,0.7,opening

or labels each file over time, with the column time in seconds, as `python -m training annotate`
writes it; groups are optional:

    path,time,valence,arousal,group
    set one/opening.flac,0.5,0.2,-0.5,opening
    set one/opening.flac,1.0,0.3,-0.4,opening
"""

from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece
from training.datasets.tables import UNIT, Table

LABELS = "labels.csv"


def read_own(folder: Path) -> list[Piece]:
    """Read `labels.csv`: a piece for each row, or for each file if the table has times.

    Valence and arousal are in [-1, 1], start and end in seconds (default: the whole file). Pieces
    of one group stay on one side of every split; the default group is the file.

    Raises
    ------
    ValueError
        The table is missing or invalid, or an audio file is missing.
    """
    table = Table(folder / LABELS)
    for row in range(len(table)):
        path = folder / table.cell(row, "path")
        if not path.is_file():
            raise ValueError(f"{table.location(row)}: {path} is missing")
    return _over_time(table, folder) if table.has_column("time") else _segments(table, folder)


def _segments(table: Table, folder: Path) -> list[Piece]:
    pieces = []
    for row in range(len(table)):
        start, end = (
            table.number(row, column)
            if table.has_column(column) and table.cell(row, column)
            else None
            for column in ("start", "end")
        )
        if (start or 0.0) < 0:
            raise ValueError(f"{table.location(row)}: start must not be negative")
        if end is not None and end <= (start or 0.0):
            raise ValueError(f"{table.location(row)}: end must come after start")
        pieces.append(
            Piece(
                dataset="own",
                name=f"{table.cell(row, 'path')} {start or 0.0:g}",
                group=_group(table, row),
                source=folder / table.cell(row, "path"),
                start=start or 0.0,
                end=end,
                times=np.zeros(1),
                valence=np.array([table.number(row, "valence", UNIT)]),
                arousal=np.array([table.number(row, "arousal", UNIT)]),
            )
        )
    return pieces


def _over_time(table: Table, folder: Path) -> list[Piece]:
    rows: dict[str, list[int]] = {}
    for row in range(len(table)):
        rows.setdefault(table.cell(row, "path"), []).append(row)
    pieces = []
    for path, own in rows.items():
        times = np.array([table.number(row, "time") for row in own])
        wrong = np.flatnonzero((times < 0) | (np.diff(times, prepend=-1.0) <= 0))
        if len(wrong):
            raise ValueError(f"{table.location(own[wrong[0]])}: times of a file must ascend from 0")
        pieces.append(
            Piece(
                dataset="own",
                name=path,
                group=_group(table, own[0]),
                source=folder / path,
                times=times,
                valence=np.array([table.number(row, "valence", UNIT) for row in own]),
                arousal=np.array([table.number(row, "arousal", UNIT) for row in own]),
            )
        )
    return pieces


def _group(table: Table, row: int) -> str:
    group = table.cell(row, "group") if table.has_column("group") else ""
    return group or table.cell(row, "path")
