"""Read previews: 30 s of commercial recordings, labelled by a streaming service's algorithm.

The labels are weak: valence and energy as the service computes them, not as listeners rate them.
The table `labels.csv` has the columns path, group (artist), mood (of the playlist), valence and
energy:

    path,group,mood,valence,energy
    audio/b029c389.ogg,1e04a207,Aggressive,0.497,0.879
"""

from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece
from training.datasets.tables import ZERO_TO_ONE, Table

LABELS = "labels.csv"


def read_previews(folder: Path) -> list[Piece]:
    """Read `labels.csv`: one piece a row, energy as arousal; the group is the artist.

    Raises
    ------
    ValueError
        The table is missing or invalid, an audio file is missing, or a row has no artist.
    """
    table = Table(folder / LABELS)
    pieces = []
    for row in range(len(table)):
        name, artist = table.cell(row, "path"), table.cell(row, "group")
        if not artist:
            raise ValueError(
                f"{table.location(row)}: {name} has no artist in the column group; "
                "add it, or remove the row: an artist must not be split over folds"
            )
        if not (folder / name).is_file():
            raise ValueError(f"{table.location(row)}: {folder / name} is missing")
        valence, arousal = ZERO_TO_ONE.convert(
            [table.number(row, column, ZERO_TO_ONE) for column in ("valence", "energy")]
        )
        pieces.append(
            Piece(
                dataset="previews",
                name=name,
                group=artist,
                style=table.cell(row, "mood"),
                source=folder / name,
                times=np.zeros(1),
                valence=np.array([valence]),
                arousal=np.array([arousal]),
            )
        )
    return pieces
