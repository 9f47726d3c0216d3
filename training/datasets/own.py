"""Your own music: a folder with sound files and a table of what is felt in them.

`labels.csv` has the columns path, valence, arousal and, if wanted, start, end and group:

    path,start,end,valence,arousal,group
    set one/opening.flac,0,30,0.2,-0.5,opening
    set one/opening.flac,30,75,0.6,0.7,opening
"""

from pathlib import Path

import numpy as np

from training.datasets.records import Piece
from training.datasets.tables import UNIT, Table


def read_own(folder: Path) -> list[Piece]:
    """Read `labels.csv` and the sound it names, a piece for each row.

    Valence and arousal are in [-1, 1], start and end in seconds (default: the whole file). Rows of
    one group stay on one side of every split; the default group is the file.
    """
    table = Table(folder / "labels.csv")
    pieces = []
    for row in range(len(table)):
        path = folder / table.text(row, "path")
        if not path.is_file():
            raise ValueError(f"{table.where(row)}: {path} is missing")
        start, end = (
            table.number(row, column) if table.has(column) and table.text(row, column) else None
            for column in ("start", "end")
        )
        if (start or 0.0) < 0:
            raise ValueError(f"{table.where(row)}: start must not be negative")
        if end is not None and end <= (start or 0.0):
            raise ValueError(f"{table.where(row)}: end must come after start")
        group = table.text(row, "group") if table.has("group") else ""
        pieces.append(
            Piece(
                dataset="own",
                name=f"{table.text(row, 'path')} {start or 0.0:g}",
                group=group or table.text(row, "path"),
                source=path,
                start=start or 0.0,
                end=end,
                times=np.zeros(1),
                valence=np.array([table.number(row, "valence", UNIT)]),
                arousal=np.array([table.number(row, "arousal", UNIT)]),
            )
        )
    return pieces
