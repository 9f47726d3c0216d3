"""Regressor of valence and arousal on MusiCNN's embedding: baseline of evaluations, and teacher.

A support vector regressor fitted to labels, averaged with published networks that know other
labels. It costs as much as MusiCNN for each window, so a network is fitted to do the same.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from training.sound.published import PublishedAffect
from training.sound.teacher import EMBEDDING_SIZE

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


class PublishedInLabelScale:
    """Published networks, in the mean and scale of labels.

    Parameters
    ----------
    published
        The networks.
    """

    def __init__(self, published: PublishedAffect) -> None:
        self._published = published

    def fit(self, features: NDArray[np.float64], labels: NDArray[np.float64]) -> Self:
        """Fit the scale to features (n, 200 or more) and labels (n, 2), without pairing them."""
        self._scaler = StandardScaler().fit(self._published.fit(features).predict(features))
        self._label_mean: NDArray[np.float64] = labels.mean(axis=0)
        self._label_std: NDArray[np.float64] = labels.std(axis=0)
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), of features (n, 200 or more)."""
        standardised: NDArray[np.float64] = self._scaler.transform(
            self._published.predict(features)
        )
        return standardised * self._label_std + self._label_mean


class MusicnnRegressor:
    """Weighted mean of a support vector regressor on MusiCNN's embedding and of published networks.

    Parameters
    ----------
    published, published_weight
        Published networks, and their weight; the regressor has the rest.
    """

    def __init__(self, published: PublishedAffect, published_weight: float) -> None:
        self._published = PublishedInLabelScale(published)
        self._published_weight = published_weight
        self._regressor = SupportVectorRegressor()

    def fit(
        self,
        features: NDArray[np.float64],
        labels: NDArray[np.float64],
        groups: NDArray[np.str_],
    ) -> Self:
        """Fit to mean features of pieces, (n, 200 or more), with labels (n, 2) of groups (n,)."""
        self._published.fit(features, labels)
        if self._published_weight < 1.0:
            self._regressor.fit(features[:, :EMBEDDING_SIZE], labels, groups)
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), of features (n, 200 or more)."""
        published = self._published.predict(features)
        if self._published_weight == 1.0:
            return published
        fitted = self._regressor.predict(features[:, :EMBEDDING_SIZE])
        return (1.0 - self._published_weight) * fitted + self._published_weight * published
