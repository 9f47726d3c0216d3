"""Read precomputed arrays in the official layout of Memo2496 and its folders for other data sets.

Li, Chen, Zhang, "Memo2496: Expert-Annotated Dataset and Dual-View Adaptive Framework for Music
Emotion Recognition", arXiv 2512.13998. The scaling of the arrays is not stated, so networks
trained on them (`origin = "external"`) cannot be used with the front end of the runtime.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pieces import Piece, PrecomputedViews
from training.datasets.tables import UNIT, ZERO_TO_ONE, Scale

_MEL_BANDS, _CHANNELS = 128, 84
LAYOUTS: dict[str, tuple[str, Scale]] = {
    "memo2496": ("memo", UNIT),
    "memo2496-pmemo": ("data_PMEmo", ZERO_TO_ONE),
    "memo2496-1000songs": ("data_1000songs", UNIT),
    "memo2496-deam": ("DEAM/processed", UNIT),
}


def read_memo2496(folder: Path, *, dataset: str) -> list[Piece]:
    """Read one folder of arrays, one piece a row.

    `mel_spec.npy` (N, 128, T), `cochlegram.npy` (N, 84, T), `labels/label_v.npy` and
    `labels/label_a.npy` (N,); T is 87 (1 s) or 44 (0.5 s). Consecutive rows with the same labels
    are taken as segments of one track, and form a group; an optional `labels/group.npy`, (N,),
    gives the groups instead.

    Raises
    ------
    ValueError
        An array is missing, or has a wrong shape, type or value.
    """
    subfolder, scale = LAYOUTS[dataset]
    root = folder / subfolder
    mel, cochleagram = root / "mel_spec.npy", root / "cochlegram.npy"
    views = [_load(path, 3) for path in (mel, cochleagram)]
    for path, view, bands in zip((mel, cochleagram), views, (_MEL_BANDS, _CHANNELS), strict=True):
        expected = (views[0].shape[0], bands, views[0].shape[2])
        if view.shape != expected:
            raise ValueError(f"{path} has shape {view.shape}, expected {expected}")
    labels = []
    for letter in "va":
        path = root / "labels" / f"label_{letter}.npy"
        values = _load(path, 1)
        if len(values) != len(views[0]):
            raise ValueError(f"{path} has {len(values)} rows, {mel.name} {len(views[0])}")
        if not np.isfinite(values).all():
            raise ValueError(f"{path}: row {int(np.argmin(np.isfinite(values)))} is not a number")
        inside = (values >= scale.low) & (values <= scale.high)
        if not inside.all():
            row = int(np.argmin(inside))
            raise ValueError(
                f"{path}: row {row} is {values[row]}, outside {scale.low:g} to {scale.high:g}"
            )
        labels.append(scale.convert(values))
    groups = _groups(root / "labels" / "group.npy", *labels)
    return [
        Piece(
            dataset=dataset,
            name=str(row),
            group=f"{dataset} {groups[row]}",
            source=PrecomputedViews(mel, cochleagram, row),
            times=np.zeros(1),
            valence=labels[0][row : row + 1],
            arousal=labels[1][row : row + 1],
        )
        for row in range(len(views[0]))
    ]


def _groups(
    path: Path, valence: NDArray[np.float64], arousal: NDArray[np.float64]
) -> NDArray[np.int64]:
    if path.exists():
        stated = _load(path, 1)
        if len(stated) != len(valence):
            raise ValueError(f"{path} has {len(stated)} rows, the labels {len(valence)}")
        return stated.astype(np.int64)
    changes = (np.diff(valence, prepend=np.nan) != 0) | (np.diff(arousal, prepend=np.nan) != 0)
    return np.cumsum(changes)


def _load(path: Path, dimensions: int) -> NDArray[np.float64]:
    try:
        array: NDArray[np.float64] = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise ValueError(f"cannot read {path}: it is missing") from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"cannot read {path}: not a NumPy array ({error})") from None
    if array.ndim != dimensions or not len(array):
        raise ValueError(f"{path} has shape {array.shape}, expected {dimensions} axes")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path} has type {array.dtype}, expected numbers")
    return array
