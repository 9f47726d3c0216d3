"""What the network has to beat: the mean, and Mel statistics with a support vector regressor."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from damer.views import FrontEndSpec
from training.datasets import Piece
from training.sound.features import Rendition, renditions
from training.judging.folds import assign_folds
from training.judging.metrics import agreement
from training.judging.predict import AXES
from training.fitting.recipe import Recipe

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


def score_baselines(recipe: Recipe, pieces: list[Piece], cache: Path, folds: int) -> dict[str, Any]:
    """Score "mean" and "Mel statistics + SVR" on the same folds."""
    answer: dict[str, Any] = {}
    for dataset in recipe.datasets:
        own = [piece for piece in pieces if piece.dataset == dataset]
        fold_of = assign_folds(own, folds)
        estimates: dict[str, dict[str, list[Any]]] = {"mean": {}, "mel statistics + SVR": {}}
        for fold in range(folds):
            train, test = (
                renditions(
                    [piece for piece in own if (fold_of[piece.group] == fold) == tested],
                    recipe.sound_fonts,
                    recipe.front_end,
                    cache,
                )
                for tested in (False, True)
            )
            for name, values in (
                ("mean", predict_mean(train, test)),
                ("mel statistics + SVR", predict_svr(train, test, recipe.front_end)),
            ):
                for one, value in zip(test, values, strict=True):
                    estimates[name].setdefault(one.piece.name, []).append(value)
        labels = np.array([piece.mean_label for piece in own])
        answer[dataset] = {}
        for name, by_piece in estimates.items():
            means = np.array([np.mean(by_piece[piece.name], axis=0) for piece in own])
            answer[dataset][name] = {
                **_table(means, labels),
                "pieces": {one.name: row.tolist() for one, row in zip(own, means, strict=True)},
            }
    return answer


def _table(estimates: Any, labels: Any) -> dict[str, dict[str, float]]:
    return {axis: agreement(estimates[:, k], labels[:, k]).as_dict() for k, axis in enumerate(AXES)}
