"""VGMIDI: piano arrangements of game music, rated continuously by about 30 people a piece.

Ferreira and Whitehead, "Learning to Generate Music with Sentiment", ISMIR 2019. The full set is on
GitHub at lucasnfe/vgmidi; this reader takes its `annotations/vgmidi_raw_*.json` and MIDI files.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.records import Piece


def read_vgmidi(folder: Path) -> list[Piece]:
    """Read the pieces below `folder`, each rater's measures averaged over raters.

    Measure k of n stands at (k + 0.5) * duration / n; a rater whose count differs by one is brought
    to the piece's measures by interpolation. The group is the series.
    """
    pieces = []
    for table in sorted((folder / "annotations").glob("vgmidi_raw_*.json")):
        content = json.loads(table.read_text(encoding="utf-8"))
        raters: dict[str, list[dict[str, Any]]] = {}
        for key, rating in content["annotations"].items():
            raters.setdefault(key.rsplit("_", 1)[0], []).append(rating)
        for key, piece in content["pieces"].items():
            count, duration = int(piece["measures"]), float(piece["duration"])
            pieces.append(
                Piece(
                    dataset="vgmidi",
                    name=Path(piece["midi"]).stem,
                    group=piece["midi"].split("_", 1)[0],
                    source=folder / "midi" / piece["midi"],
                    times=_centres(count) * duration,
                    valence=_consensus([rating["valence"] for rating in raters[key]], count),
                    arousal=_consensus([rating["arousal"] for rating in raters[key]], count),
                )
            )
    return pieces


def _centres(count: int) -> NDArray[np.float64]:
    return (np.arange(count) + 0.5) / count


def _consensus(ratings: list[list[float]], count: int) -> NDArray[np.float64]:
    grid = _centres(count)
    on_grid = [np.interp(grid, _centres(len(rating)), rating) for rating in ratings]
    consensus: NDArray[np.float64] = np.mean(on_grid, axis=0)
    return consensus
