"""Label music by a regressor on MusiCNN's embedding, for a fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from training.fitting.recipe import LABELLED_BY_TEACHER
from training.fitting.regressor import MusicnnRegressor
from training.sound.published import PublishedModels
from training.sound.renditions import PieceRendering, Rendition

_AVERAGED_WINDOWS = 5  # 15 s: the regressor is fitted to means, and single windows vary more


def label_by_teacher(
    unlabelled: list[Rendition],
    labelled: list[PieceRendering],
    regressor: MusicnnRegressor,
    published: PublishedModels,
    cache: Path,
) -> list[Rendition]:
    """Fit the regressor to labelled music, and label other music with it, every 3 s.

    Parameters
    ----------
    unlabelled
        Renditions to label.
    labelled
        Renditions with labels, all of the training side.
    regressor
        Regressor to fit.
    published
        Published networks, whose features the regressor needs.
    cache
        Folder of computed features.

    Returns
    -------
    list
        The renditions as pieces of the data set `LABELLED_BY_TEACHER`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `PublishedModels.load_features`.
    """
    known = published.load_features(labelled, cache)
    regressor.fit(
        np.stack([one.mean(axis=0, dtype=np.float64) for _, one in known]),
        np.stack([piece.mean_label for piece, _ in labelled]),
        np.array([piece.group for piece, _ in labelled]),
    )
    new = published.load_features([(one.piece, one.rendering) for one in unlabelled], cache)
    return [
        with_labels(one, ends, regressor.predict(_averaged(features)))
        for one, (ends, features) in zip(unlabelled, new, strict=True)
    ]


def _averaged(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average each window's features, (n, size), with its neighbours' in time."""
    averaged: NDArray[np.float64] = uniform_filter1d(
        features.astype(np.float64), _AVERAGED_WINDOWS, axis=0, mode="nearest"
    )
    return averaged


def with_labels(
    rendition: Rendition, ends: NDArray[np.float64], labels: NDArray[np.float64]
) -> Rendition:
    """Label a rendition at the ends of windows in seconds, (n,), with labels (n, 2)."""
    piece = rendition.piece
    valence, arousal = np.clip(labels, -1.0, 1.0).T
    labelled = replace(
        piece,
        dataset=LABELLED_BY_TEACHER,
        name=f"{piece.dataset}/{piece.name}",
        times=ends * rendition.rendering.pace,
        valence=valence,
        arousal=arousal,
        rater_std=None,
    )
    return replace(rendition, piece=labelled)
