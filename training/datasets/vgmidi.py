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
from training.datasets.tables import UNIT

_AXES = ("valence", "arousal")


def read_vgmidi(folder: Path) -> list[Piece]:
    """Read the pieces below `folder`, each rater's measures averaged over raters.

    Measure k of n stands at (k + 0.5) * duration / n; a rater whose count differs by one is brought
    to the piece's measures by interpolation. The group is the series.
    """
    tables = sorted((folder / "annotations").glob("vgmidi_raw_*.json"))
    if not tables:
        raise ValueError(f"{folder / 'annotations'} holds no vgmidi_raw_*.json")
    pieces = [piece for table in tables for piece in _read_table(table, folder / "midi")]
    if not pieces:
        raise ValueError(f"{folder / 'annotations'} lists no pieces")
    return pieces


def _read_table(path: Path, scores: Path) -> list[Piece]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        raters: dict[str, list[dict[str, Any]]] = {}
        for key, rating in content["annotations"].items():
            raters.setdefault(key.rsplit("_", 1)[0], []).append(rating)
        return [
            _piece(piece, raters.get(key, []), scores / piece["midi"])
            for key, piece in content["pieces"].items()
        ]
    except KeyError as error:
        raise ValueError(f"{path} has no field {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not laid out as VGMIDI's: {error}") from None


def _piece(piece: dict[str, Any], raters: list[dict[str, Any]], score: Path) -> Piece:
    count, duration = int(piece["measures"]), float(piece["duration"])
    if not score.exists():
        raise ValueError(f"{score} is missing")
    if count < 1 or not 0 < duration < float("inf"):
        raise ValueError(f"{score.name} has {count} measures in {duration:g} s")
    if not raters or not all(rating[axis] for rating in raters for axis in _AXES):
        raise ValueError(f"{score.name} has a rater without ratings, or no rater")
    valence, arousal = (_on_measures([rating[axis] for rating in raters], count) for axis in _AXES)
    if not np.abs([valence, arousal]).max() <= UNIT.high:
        raise ValueError(f"{score.name} has ratings that are not numbers from -1 to 1")
    return Piece(
        dataset="vgmidi",
        name=score.stem,
        group=score.name.split("_", 1)[0],
        source=score,
        times=_centres(count) * duration,
        valence=UNIT.convert(valence.mean(axis=0)),
        arousal=UNIT.convert(arousal.mean(axis=0)),
        spread=UNIT.convert_spread(np.stack([valence.std(axis=0), arousal.std(axis=0)], axis=1)),
    )


def _centres(count: int) -> NDArray[np.float64]:
    return (np.arange(count) + 0.5) / count


def _on_measures(ratings: list[list[float]], count: int) -> NDArray[np.float64]:
    """Ratings of each rater at the piece's measures, (raters, count)."""
    grid = _centres(count)
    return np.array([np.interp(grid, _centres(len(rating)), rating) for rating in ratings])
