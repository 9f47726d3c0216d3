"""Cross-track drift: how well one can read from an embedding which style or track is playing.

An embedding of emotion should say what is felt and not who plays. Style is read by a logistic
regression that has heard other tracks of each style; the track by the nearest neighbour among the
windows of other moments.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_FOLDS = 5
_LEAST_TRACKS = 3


class Readings(NamedTuple):
    """What was read rightly of each window, (n,): 1 or 0, NaN where it was not tried.

    Attributes
    ----------
    style
        Whether the style was read; of styles with at least three tracks.
    commonest
        Whether the style is the commonest one: what is read rightly without an embedding.
    track
        Whether the nearest neighbour is of the same track.
    """

    style: NDArray[np.float64]
    commonest: NDArray[np.float64]
    track: NDArray[np.float64]


def read_embeddings(
    embedding: NDArray[np.float64], style: NDArray[np.str_], track: NDArray[np.str_]
) -> Readings:
    """Read styles and tracks (n,) from the embeddings of windows, (n, width).

    Raises
    ------
    ValueError
        Fewer than two styles have three tracks.
    """
    tracks_of = {name: len(np.unique(track[style == name])) for name in np.unique(style)}
    tried = np.array([tracks_of[name] >= _LEAST_TRACKS for name in style], dtype=bool)
    names, counts = np.unique(style[tried], return_counts=True)
    if len(names) < 2:
        raise ValueError("too few styles with three tracks to read a style from another track")
    read, commonest = (np.full(len(style), np.nan) for _ in range(2))
    read[tried] = _read_styles(embedding[tried], style[tried], track[tried])
    commonest[tried] = style[tried] == names[counts.argmax()]
    return Readings(read, commonest, _nearest_is_of_the_track(embedding, track))


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
) -> NDArray[np.float64]:
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    nearest: NDArray[np.float64] = (track[alike.argmax(axis=1)] == track).astype(np.float64)
    return nearest
