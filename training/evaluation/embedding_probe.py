"""Cross-track drift: probe how well style and track can be read from embeddings.

An emotion embedding should depend on the emotion, not on who plays. Style is classified by a
logistic regression trained on other tracks; the track by the nearest neighbour among the windows of
other moments.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_FOLDS = 5
_MIN_TRACKS = 3


class ProbeResults(NamedTuple):
    """Correctness of the probes for each window, (n,): 1 or 0, NaN if not probed.

    Attributes
    ----------
    style
        Whether the style was classified correctly; of styles with at least three tracks.
    commonest
        Whether the style is the most frequent one: the accuracy without an embedding.
    track
        Whether the nearest neighbour is of the same track.
    """

    style: NDArray[np.float64]
    commonest: NDArray[np.float64]
    track: NDArray[np.float64]


def probe_embeddings(
    embedding: NDArray[np.float64], style: NDArray[np.str_], track: NDArray[np.str_]
) -> ProbeResults:
    """Probe the embeddings of windows, (n, width), for style and track names, (n,).

    Raises
    ------
    ValueError
        Fewer than two styles have three tracks.
    """
    tracks_of = {name: len(np.unique(track[style == name])) for name in np.unique(style)}
    probed = np.array([tracks_of[name] >= _MIN_TRACKS for name in style], dtype=bool)
    names, counts = np.unique(style[probed], return_counts=True)
    if len(names) < 2:
        raise ValueError("cannot probe embeddings: fewer than two styles have three tracks")
    correct, commonest = (np.full(len(style), np.nan) for _ in range(2))
    correct[probed] = _classify_styles(embedding[probed], style[probed], track[probed])
    commonest[probed] = style[probed] == names[counts.argmax()]
    return ProbeResults(correct, commonest, _nearest_is_same_track(embedding, track))


def _classify_styles(
    embedding: NDArray[np.float64], style: NDArray[np.str_], track: NDArray[np.str_]
) -> NDArray[np.bool_]:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    folds = GroupKFold(min(_FOLDS, len(np.unique(track))))
    predicted = cross_val_predict(model, embedding, style, groups=track, cv=folds)
    correct: NDArray[np.bool_] = predicted == style
    return correct


def _nearest_is_same_track(
    embedding: NDArray[np.float64], track: NDArray[np.str_]
) -> NDArray[np.float64]:
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-9)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    same: NDArray[np.float64] = (track[similarity.argmax(axis=1)] == track).astype(np.float64)
    return same
