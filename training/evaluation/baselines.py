"""The ladder to climb: what simpler means reach on the same folds, in the same run."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from training.datasets import Piece
from training.evaluation.folds import fold_of_each
from training.evaluation.predict import Trajectory
from training.fitting.recipe import FitRecipe
from training.sound.features import (
    Work,
    judged_work,
    open_embeddings,
    open_frames,
    open_functionals,
)

_SVR_GRID = {"svr__C": [0.03, 0.1, 0.3, 1.0, 3.0], "svr__gamma": ["scale", 0.001]}
_RIDGE_ALPHAS = np.logspace(1, 5, 9)
_WINDOW_SECONDS = 3.0


class Unavailable(Exception):  # noqa: N818 - a reason, not a failure
    """Why a baseline cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a baseline hears of one rendition: a feature vector for each of its moments.

    Attributes
    ----------
    work
        Piece and rendering.
    ends
        Seconds at which the moments end, (n,); one for the whole piece.
    features
        (n, size).
    """

    work: Work
    ends: NDArray[np.float64]
    features: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.float64]:
        """Valence and arousal of each moment, (n, 2); the piece's mean where there is one."""
        piece, rendering = self.work
        if len(self.ends) == 1:
            return piece.mean_label[None]
        return piece.labels_at(self.ends * rendering.tempo).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Rung:
    """One baseline: what it hears, how it regresses, and whether one model serves all judged sets.

    Those that hear sound cannot be had for ready views.
    """

    name: str
    hear: Callable[[list[Work], FitRecipe, Path], list[Heard]]
    regress: Callable[..., NDArray[np.float64]]
    sound: bool = True
    joint: bool = False


def climb(
    recipe: FitRecipe, pieces: list[Piece], cache: Path, folds: int, jobs: int
) -> dict[str, dict[str, list[Trajectory]]]:
    """Give the trajectories of each rung on each data set, every piece judged by its test fold."""
    work = judged_work(recipe, pieces)
    fold_of = fold_of_each(pieces, folds)
    sounding = all(isinstance(piece.source, Path) for piece in pieces)
    tasks, names = [], []
    for rung in RUNGS:
        if rung.sound and not sounding:
            continue
        try:
            heard = rung.hear(work, recipe, cache)
        except Unavailable as reason:
            print(f"{rung.name} is left out: {reason}")
            continue
        sets = [list(recipe.datasets)] if rung.joint else [[name] for name in recipe.shares]
        for chosen in sets:
            part = [one for one in heard if one.work[0].dataset in chosen]
            if part:
                tasks += [(rung, part, fold_of, fold) for fold in range(folds)]
                names += [rung.name] * folds
    answers: dict[str, dict[str, list[Trajectory]]] = {}
    with ProcessPoolExecutor(jobs) as pool:
        done = track(pool.map(_predict, tasks), description="Baselines", total=len(tasks))
        for name, paths in zip(names, done, strict=True):
            for path in paths:
                answers.setdefault(path.piece.dataset, {}).setdefault(name, []).append(path)
    return answers


def _predict(task: tuple[Rung, list[Heard], dict[tuple[str, str], int], int]) -> list[Trajectory]:
    rung, heard, fold_of, fold = task
    tested = [fold_of[one.work[0].dataset, one.work[0].group] == fold for one in heard]
    train = [one for one, test in zip(heard, tested, strict=True) if not test]
    test = [one for one, test in zip(heard, tested, strict=True) if test]
    estimates = rung.regress(
        np.concatenate([one.features for one in train]),
        np.concatenate([one.labels for one in train]),
        np.repeat([one.work[0].group for one in train], [len(one.ends) for one in train]),
        np.concatenate([one.features for one in test]),
    )
    cuts = np.cumsum([len(one.ends) for one in test])[:-1]
    return [
        Trajectory(*one.work, one.ends, mean, np.full_like(mean, np.nan), _WINDOW_SECONDS)
        for one, mean in zip(test, np.split(estimates, cuts), strict=True)
    ]


def _svr(
    train: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: NDArray[np.str_],
    test: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Support vector regression; its settings chosen by five folds over the training groups."""
    folds = GroupKFold(min(5, len(np.unique(groups))))
    model = make_pipeline(StandardScaler(), SVR(epsilon=0.05))
    answers = []
    for axis in range(2):
        search = GridSearchCV(model, _SVR_GRID, cv=folds, scoring="neg_mean_squared_error")
        answers.append(search.fit(train, labels[:, axis], groups=groups).predict(test))
    return np.stack(answers, axis=1)


def _ridge(
    train: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: NDArray[np.str_],
    test: NDArray[np.float64],
) -> NDArray[np.float64]:
    folds = list(GroupKFold(min(5, len(np.unique(groups)))).split(train, groups=groups))
    model = make_pipeline(StandardScaler(), RidgeCV(_RIDGE_ALPHAS, cv=folds))
    answer: NDArray[np.float64] = model.fit(train, labels).predict(test)
    return answer


def _mean(
    train: NDArray[np.float64], labels: NDArray[np.float64], _groups: object, test: Any
) -> NDArray[np.float64]:
    answer: NDArray[np.float64] = DummyRegressor().fit(train, labels).predict(test)
    return answer


def _mel_statistics(work: list[Work], recipe: FitRecipe, cache: Path) -> list[Heard]:
    """Mean and standard deviation over time of each Mel band, (256,)."""

    def statistics() -> Iterator[Heard]:
        for one, rendition in zip(work, open_frames(work, recipe.front_end, cache), strict=True):
            mel = rendition.frames[:, : recipe.front_end.mel_bands].astype(np.float64)
            values = np.concatenate([mel.mean(axis=0), mel.std(axis=0)])
            yield Heard(one, np.zeros(1), values[None])

    return list(statistics())


def _musicnn_windows(work: list[Work], _recipe: FitRecipe, cache: Path) -> list[Heard]:
    """MusiCNN's embedding of each window."""
    try:
        embedded = open_embeddings(work, cache)
    except FileNotFoundError as error:
        raise Unavailable(str(error)) from None
    return [
        Heard(one, ends, values.astype(np.float64))
        for one, (ends, values) in zip(work, embedded, strict=True)
    ]


def _musicnn_means(work: list[Work], recipe: FitRecipe, cache: Path) -> list[Heard]:
    """MusiCNN's embedding, the mean over a piece."""
    return [
        Heard(one.work, np.zeros(1), one.features.mean(axis=0, keepdims=True))
        for one in _musicnn_windows(work, recipe, cache)
    ]


def _egemaps(work: list[Work], recipe: FitRecipe, cache: Path) -> list[Heard]:
    """Give eGeMAPS functionals of a piece by openSMILE, (88,); of judged sets, in one rendering."""
    first: dict[tuple[str, str], Work] = {}
    for piece, how in work:
        if piece.dataset in recipe.datasets:
            first.setdefault((piece.dataset, piece.name), (piece, how))
    chosen = list(first.values())
    values = open_functionals(chosen, cache)
    if values is None:
        raise Unavailable("openSMILE is missing (pip install '.[peers]')")
    return [Heard(one, np.zeros(1), row[None]) for one, row in zip(chosen, values, strict=True)]


RUNGS = (
    Rung("mean", _mel_statistics, _mean, sound=False),
    Rung("Mel statistics + SVR", _mel_statistics, _svr, sound=False),
    Rung("eGeMAPS + SVR", _egemaps, _svr),
    Rung("MusiCNN + ridge", _musicnn_windows, _ridge),
    Rung("MusiCNN + SVR", _musicnn_means, _svr),
    Rung("MusiCNN + SVR, one for both", _musicnn_means, _svr, joint=True),
)
