"""Cross-track drift: how well one can read from an embedding which style or track is playing.

An embedding of emotion should say what is felt and not who plays. Style is read by a logistic
regression that has heard other tracks of each style; the track by the nearest neighbour among the
windows of other moments.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.judging.metrics import bootstrap_interval

_FOLDS = 5
_LEAST_TRACKS = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """How much of style and track is in an embedding; 1 is all, chance is `style_majority`.

    Attributes
    ----------
    style, style_majority
        Share of the windows whose style is read rightly, and that of the commonest style.
    track
        Share of the windows whose nearest neighbour in another moment is of the same track.
    style_interval, track_interval
        95 % bootstrap intervals over tracks.
    """

    style: float
    style_majority: float
    style_interval: tuple[float, float]
    track: float
    track_interval: tuple[float, float]


def measure_drift(
    embedding: NDArray[np.float64], style: NDArray[np.str_], track: NDArray[np.str_]
) -> Drift:
    """Measure windows' embeddings (n, width) with their styles and tracks, (n,).

    Styles with fewer than three tracks are left out of the reading of style.

    Raises
    ------
    ValueError
        Fewer than two styles have three tracks.
    """
    tracks_of = {name: len(np.unique(track[style == name])) for name in np.unique(style)}
    common = np.array([tracks_of[name] >= _LEAST_TRACKS for name in style], dtype=bool)
    if len(np.unique(style[common])) < 2:
        raise ValueError("too few styles with three tracks to read a style from another track")
    read = _read_styles(embedding[common], style[common], track[common])
    _, counts = np.unique(style[common], return_counts=True)
    same = _nearest_is_of_the_track(embedding, track)
    return Drift(
        float(read.mean()),
        float(counts.max() / counts.sum()),
        bootstrap_interval(lambda rows: float(read[rows].mean()), list(track[common])),
        float(same.mean()),
        bootstrap_interval(lambda rows: float(same[rows].mean()), list(track)),
    )


def _read_styles(
    embedding: NDArray[np.float64], style: NDArray[np.str_], track: NDArray[np.str_]
) -> NDArray[np.bool_]:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    folds = GroupKFold(min(_FOLDS, len(np.unique(track))))
    read = cross_val_predict(model, embedding, style, groups=track, cv=folds)
    right: NDArray[np.bool_] = read == style
    return right


def _nearest_is_of_the_track(
    embedding: NDArray[np.float64], track: NDArray[np.str_]
) -> NDArray[np.bool_]:
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    nearest: NDArray[np.bool_] = track[alike.argmax(axis=1)] == track
    return nearest
