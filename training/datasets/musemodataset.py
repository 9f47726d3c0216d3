"""Read musemodataset: six-second excerpts of ten genres with one valence and arousal each.

J. Grekow, "Music Emotion Recognition Using Recurrent Neural Networks and Pretrained Models",
Journal of Intelligent Information Systems, 2021. On GitHub: grekowj/musemodataset.
"""

from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece
from training.datasets.tables import PLUS_MINUS_TEN, Table


def read_musemodataset(folder: Path) -> list[Piece]:
    """Read the clips of `All_annotations.csv` that exist in `audio/`.

    The group is genre and number, so that both ratings of a clip rated twice ("- Kopia") are in it.

    Raises
    ------
    ValueError
        The table is missing or invalid, or no clip of it exists.
    """
    table = Table(folder / "All_annotations.csv")
    pieces = []
    for row in range(len(table)):
        source = folder / "audio" / table.cell(row, "Name")
        if not source.exists():
            continue
        valence, arousal = PLUS_MINUS_TEN.convert(
            [table.number(row, column, PLUS_MINUS_TEN) for column in ("Valence", "Arousal")]
        )
        group = source.stem.removeprefix("out_").split(" ", 1)[0]
        pieces.append(
            Piece(
                dataset="musemodataset",
                name=source.stem,
                group=group,
                style=group.rstrip("0123456789_.-"),
                source=source,
                times=np.zeros(1),
                valence=np.array([valence]),
                arousal=np.array([arousal]),
            )
        )
    if not pieces:
        raise ValueError(
            f"cannot read musemodataset: {folder / 'audio'} has none of the clips of "
            f"{table.path.name}"
        )
    return pieces
