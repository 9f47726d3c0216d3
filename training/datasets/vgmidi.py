"""Read VGMIDI: piano arrangements of game music, rated over time by about 30 people a piece.

Ferreira and Whitehead, "Learning to Generate Music with Sentiment", ISMIR 2019. On GitHub:
lucasnfe/vgmidi.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.pieces import AXES, Piece, Ratings
from training.datasets.tables import UNIT


def read_vgmidi(folder: Path) -> list[Piece]:
    """Read `annotations/vgmidi_raw_*.json` and `midi/`; labels are the mean over raters."""
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
            rater_std=UNIT.convert_std(one.values.std(axis=0)),
        )
        for one in read_vgmidi_ratings(folder)
    ]


def read_vgmidi_ratings(folder: Path) -> list[Ratings]:
    """Read the ratings of each rater at the measures of the pieces.

    Measure k of n is at (k + 0.5) * duration / n. Ratings of another count of measures are
    interpolated. The group is the series.

    Raises
    ------
    ValueError
        Tables or scores are missing, or a table is invalid.
    """
    tables = sorted((folder / "annotations").glob("vgmidi_raw_*.json"))
    if not tables:
        raise ValueError(f"cannot read VGMIDI: {folder / 'annotations'} has no vgmidi_raw_*.json")
    ratings = [one for table in tables for one in _read_table(table, folder / "midi")]
    if not ratings:
        raise ValueError(f"cannot read VGMIDI: {folder / 'annotations'} lists no pieces")
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
        raise ValueError(f"cannot read {path}: it has no field {error}") from None
    except ValueError as error:
        raise ValueError(f"cannot read {path}: {error}") from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"cannot read {path}: not the layout of VGMIDI ({error})") from None


def _ratings(piece: dict[str, Any], raters: dict[str, dict[str, Any]], score: Path) -> Ratings:
    count, duration = int(piece["measures"]), float(piece["duration"])
    if not score.exists():
        raise ValueError(f"{score} is missing")
    if count < 1 or not 0 < duration < float("inf"):
        raise ValueError(f"{score.name} has {count} measures in {duration:g} s")
    if not raters or not all(rating[axis] for rating in raters.values() for axis in AXES):
        raise ValueError(f"{score.name} has a rater without ratings, or no rater")
    axes = [_at_measures([rating[axis] for rating in raters.values()], count) for axis in AXES]
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
    """Centres of measures as shares of the duration, (count,)."""
    return (np.arange(count) + 0.5) / count


def _at_measures(ratings: list[list[float]], count: int) -> NDArray[np.float64]:
    """Interpolate the ratings of each rater at the measures of the piece, (raters, count)."""
    grid = _centres(count)
    return np.array([np.interp(grid, _centres(len(rating)), rating) for rating in ratings])
