"""Regressor of valence and arousal on MusiCNN's embedding: baseline of evaluations, and teacher.

A support vector regressor fitted to labels, averaged with published heads that know other labels.
It costs as much as MusiCNN for each window, which is why a network is fitted to do the same.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from training.sound.affect_heads import AffectHeads

_GRID = {"svr__C": [0.03, 0.1, 0.3, 1.0, 3.0], "svr__gamma": ["scale", 0.001]}
_FOLDS = 5
_EPSILON = 0.05


class SupportVectorRegressor:
    """Support vector regression of both axes; settings chosen by folds over groups."""

    def fit(
        self,
        features: NDArray[np.float64],
        labels: NDArray[np.float64],
        groups: NDArray[np.str_],
    ) -> Self:
        """Fit to features (n, size) with labels (n, 2) of groups (n,)."""
        folds = GroupKFold(min(_FOLDS, len(np.unique(groups))))
        model = make_pipeline(StandardScaler(), SVR(epsilon=_EPSILON))
        self._axes = [
            GridSearchCV(model, _GRID, cv=folds, scoring="neg_mean_squared_error").fit(
                features, labels[:, axis], groups=groups
            )
            for axis in range(labels.shape[1])
        ]
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), of features (n, size)."""
        return np.stack([axis.predict(features) for axis in self._axes], axis=1)


@dataclass
class HeadsInLabelScale:
    """Mean of published heads, in the mean and scale of labels.

    Parameters
    ----------
    heads
        The heads.
    """

    heads: AffectHeads

    def fit(self, embeddings: NDArray[np.float64], labels: NDArray[np.float64]) -> Self:
        """Fit the scale to embeddings (n, 200) and labels (n, 2), without pairing them."""
        self._scaler = StandardScaler().fit(self.heads.predict_mean(embeddings))
        self._label_mean: NDArray[np.float64] = labels.mean(axis=0)
        self._label_std: NDArray[np.float64] = labels.std(axis=0)
        return self

    def predict(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), from embeddings (n, 200)."""
        standardised: NDArray[np.float64] = self._scaler.transform(
            self.heads.predict_mean(embeddings)
        )
        return standardised * self._label_std + self._label_mean


class MusicnnRegressor:
    """Weighted mean of a support vector regressor and of published heads.

    Parameters
    ----------
    heads, heads_weight
        Heads, and their weight; the regressor has the rest.
    """

    def __init__(self, heads: AffectHeads, heads_weight: float) -> None:
        self._heads, self._heads_weight = HeadsInLabelScale(heads), heads_weight
        self._regressor = SupportVectorRegressor()

    def fit(
        self,
        embeddings: NDArray[np.float64],
        labels: NDArray[np.float64],
        groups: NDArray[np.str_],
    ) -> Self:
        """Fit to embeddings (n, 200), the mean of a piece each, labels (n, 2) and groups (n,)."""
        self._heads.fit(embeddings, labels)
        if self._heads_weight < 1.0:
            self._regressor.fit(embeddings, labels, groups)
        return self

    def predict(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), of embeddings (n, 200)."""
        heads = self._heads.predict(embeddings)
        if self._heads_weight == 1.0:
            return heads
        fitted = self._regressor.predict(embeddings)
        return (1.0 - self._heads_weight) * fitted + self._heads_weight * heads
