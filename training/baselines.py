"""What the network has to beat: the mean, and Mel statistics with a support vector regressor."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from damer.views import FrontEndSpec
from training.features import Rendition

_GRID = {"svr__C": [0.03, 0.1, 0.3, 1.0, 3.0], "svr__gamma": ["scale", 0.001]}


def predict_mean(train: list[Rendition], test: list[Rendition]) -> NDArray[np.float64]:
    """Predict the training pieces' mean label for every test rendition, (n, 2)."""
    labels = np.array([one.piece.mean_label for one in train])
    return np.repeat(labels.mean(axis=0)[None], len(test), axis=0)


def predict_svr(
    train: list[Rendition], test: list[Rendition], spec: FrontEndSpec
) -> NDArray[np.float64]:
    """Predict from mean and deviation of every Mel band over a rendition, (n, 2).

    The regressor's settings are chosen by five-fold cross-validation over the training groups.
    """
    features = np.array([mel_statistics(one, spec) for one in train])
    labels = np.array([one.piece.mean_label for one in train])
    groups = np.unique([one.piece.group for one in train], return_inverse=True)[1]
    unseen = np.array([mel_statistics(one, spec) for one in test])
    folds = GroupKFold(min(5, int(groups.max()) + 1))
    answers = []
    for axis in range(2):
        model = make_pipeline(StandardScaler(), SVR(epsilon=0.05))
        search = GridSearchCV(model, _GRID, cv=folds, scoring="neg_mean_squared_error")
        search.fit(features, labels[:, axis], groups=groups)
        answers.append(search.predict(unseen))
    return np.stack(answers, axis=1)


def mel_statistics(rendition: Rendition, spec: FrontEndSpec) -> NDArray[np.float64]:
    """Mean and standard deviation over time of each Mel band, (2 * mel_bands,)."""
    mel = rendition.frames[:, : spec.mel_bands].astype(np.float64)
    return np.concatenate([mel.mean(axis=0), mel.std(axis=0)])
