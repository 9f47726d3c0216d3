"""VGMIDI: piano arrangements of game music, rated continuously by about 30 people a piece.

Ferreira and Whitehead, "Learning to Generate Music with Sentiment", ISMIR 2019. The full set is on
GitHub at lucasnfe/vgmidi; this reader takes its `annotations/vgmidi_raw_*.json` and MIDI files.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.records import Piece, Ratings
from training.datasets.tables import UNIT

_AXES = ("valence", "arousal")


def read_vgmidi(folder: Path) -> list[Piece]:
    """Read the pieces below `folder`, their labels the mean over raters."""
    return [
        Piece(
            dataset="vgmidi",
            name=one.name,
            group=one.group,
            style=one.group,
            source=folder / "midi" / f"{one.name}.mid",
            times=one.times,
            valence=UNIT.convert(one.values[:, :, 0].mean(axis=0)),
            arousal=UNIT.convert(one.values[:, :, 1].mean(axis=0)),
            spread=UNIT.convert_spread(one.values.std(axis=0)),
        )
        for one in read_vgmidi_ratings(folder)
    ]


def read_vgmidi_ratings(folder: Path) -> list[Ratings]:
    """Read what each rater said of the pieces below `folder`, at their measures.

    Measure k of n stands at (k + 0.5) * duration / n; a rater whose count differs by one is brought
    to the piece's measures by interpolation. The group is the series.
    """
    tables = sorted((folder / "annotations").glob("vgmidi_raw_*.json"))
    if not tables:
        raise ValueError(f"{folder / 'annotations'} holds no vgmidi_raw_*.json")
    ratings = [one for table in tables for one in _read_table(table, folder / "midi")]
    if not ratings:
        raise ValueError(f"{folder / 'annotations'} lists no pieces")
    return ratings


def _read_table(path: Path, scores: Path) -> list[Ratings]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        raters: dict[str, dict[str, dict[str, Any]]] = {}
        for key, rating in content["annotations"].items():
            piece, rater = key.rsplit("_", 1)
            raters.setdefault(piece, {})[rater] = rating
        return [
            _ratings(piece, raters.get(key, {}), scores / piece["midi"])
            for key, piece in content["pieces"].items()
        ]
    except KeyError as error:
        raise ValueError(f"{path} has no field {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not laid out as VGMIDI's: {error}") from None


def _ratings(piece: dict[str, Any], raters: dict[str, dict[str, Any]], score: Path) -> Ratings:
    count, duration = int(piece["measures"]), float(piece["duration"])
    if not score.exists():
        raise ValueError(f"{score} is missing")
    if count < 1 or not 0 < duration < float("inf"):
        raise ValueError(f"{score.name} has {count} measures in {duration:g} s")
    if not raters or not all(rating[axis] for rating in raters.values() for axis in _AXES):
        raise ValueError(f"{score.name} has a rater without ratings, or no rater")
    axes = [_on_measures([rating[axis] for rating in raters.values()], count) for axis in _AXES]
    values = np.stack(axes, axis=2)
    if not np.abs(values).max() <= UNIT.high:
        raise ValueError(f"{score.name} has ratings that are not numbers from -1 to 1")
    return Ratings(
        name=score.stem,
        group=score.name.split("_", 1)[0],
        raters=tuple(raters),
        times=_centres(count) * duration,
        values=values,
    )


def _centres(count: int) -> NDArray[np.float64]:
    return (np.arange(count) + 0.5) / count


def _on_measures(ratings: list[list[float]], count: int) -> NDArray[np.float64]:
    """Ratings of each rater at the piece's measures, (raters, count)."""
    grid = _centres(count)
    return np.array([np.interp(grid, _centres(len(rating)), rating) for rating in ratings])
