"""musemodataset: six-second excerpts of ten genres with one valence and arousal each.

J. Grekow, "Music Emotion Recognition Using Recurrent Neural Networks and Pretrained Models",
Journal of Intelligent Information Systems, 2021. The full set is on GitHub at
grekowj/musemodataset; this reader takes its `All_annotations.csv` and `audio/`.
"""

import csv
from pathlib import Path

import numpy as np

from training.datasets.records import Piece

_SCALE = 10.0  # ratings run from -10 to 10


def read_musemodataset(folder: Path) -> list[Piece]:
    """Read the clips below `folder` that are there.

    The group is genre and number, so that a clip rated twice ("- Kopia") stays beside its twin.
    """
    pieces = []
    with (folder / "All_annotations.csv").open(encoding="utf-8-sig", newline="") as table:
        for row in csv.DictReader(table):
            source = folder / "audio" / row["Name"]
            if not source.exists():
                continue
            pieces.append(
                Piece(
                    dataset="musemodataset",
                    name=source.stem,
                    group=source.stem.removeprefix("out_").split(" ", 1)[0],
                    source=source,
                    times=np.zeros(1),
                    valence=np.array([float(row["Valence"]) / _SCALE]),
                    arousal=np.array([float(row["Arousal"]) / _SCALE]),
                )
            )
    return pieces
