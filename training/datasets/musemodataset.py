"""musemodataset: six-second excerpts of ten genres with one valence and arousal each.

J. Grekow, "Music Emotion Recognition Using Recurrent Neural Networks and Pretrained Models",
Journal of Intelligent Information Systems, 2021. The full set is on GitHub at
grekowj/musemodataset; this reader takes its `All_annotations.csv` and `audio/`.
"""

from pathlib import Path

import numpy as np

from training.datasets.records import Piece
from training.datasets.tables import TEN_BOTH_WAYS, Table


def read_musemodataset(folder: Path) -> list[Piece]:
    """Read the clips below `folder` that are there.

    The group is genre and number, so that a clip rated twice ("- Kopia") stays beside its twin.
    """
    table = Table(folder / "All_annotations.csv")
    pieces = []
    for row in range(len(table)):
        source = folder / "audio" / table.text(row, "Name")
        if not source.exists():
            continue
        valence, arousal = TEN_BOTH_WAYS.convert(
            [table.number(row, column, TEN_BOTH_WAYS) for column in ("Valence", "Arousal")]
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
        raise ValueError(f"{folder / 'audio'} holds none of the clips of {table.path.name}")
    return pieces
