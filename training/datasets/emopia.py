"""Read EMOPIA: clips of pop piano, each labelled with a quadrant of the valence/arousal plane.

Hung et al., "EMOPIA: A Multi-Modal Pop Piano Dataset For Emotion Recognition and Emotion-based
Music Generation", ISMIR 2021. The data set is on Zenodo. MIDI files are named
Q<quadrant>_<YouTube id>_<clip>.mid.
"""

from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece

_MAGNITUDE = 0.3  # only the signs are known; about the spread of continuously rated sets
_SIGNS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}


def read_emopia(folder: Path) -> list[Piece]:
    """Read the clips in `folder/midi`, each labelled with one point of its quadrant.

    The group is the YouTube id.

    Raises
    ------
    ValueError
        There are no clips.
    """
    pieces = []
    for source in sorted((folder / "midi").glob("Q[1-4]_*.mid")):
        quadrant, rest = source.stem.split("_", 1)
        valence, arousal = _SIGNS[quadrant]
        pieces.append(
            Piece(
                dataset="emopia",
                name=source.stem,
                group=rest.rsplit("_", 1)[0],
                source=source,
                times=np.zeros(1),
                valence=np.array([valence * _MAGNITUDE]),
                arousal=np.array([arousal * _MAGNITUDE]),
            )
        )
    if not pieces:
        raise ValueError(f"cannot read EMOPIA: {folder / 'midi'} has no Q1_... to Q4_....mid")
    return pieces
