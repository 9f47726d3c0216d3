"""Baselines on the same folds: simple regressors on Mel statistics, eGeMAPS and MusiCNN.

Networks that others published are a baseline as they are, and averaged with the regressor of all
data sets.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.datasets import Piece
from training.fitting.recipe import FitRecipe
from training.fitting.regressor import (
    MusicnnRegressor,
    PublishedInLabelScale,
    SupportVectorRegressor,
)
from training.fitting.selection import evaluation_renditions
from training.predict import Trajectory
from training.sound.affect_heads import PUBLISHED_WEIGHT, TRAINED_ON, AffectHeads
from training.sound.feature_cache import load_egemaps, load_embeddings, load_renditions
from training.sound.published import PublishedAffect, PublishedModels
from training.sound.renditions import PieceRendering

_RIDGE_ALPHAS = np.logspace(1, 5, 9)
_WINDOW_SECONDS = 3.0
FoldOf = dict[tuple[str, str], int]
"""Fold of each (data set, group)."""


class BaselineUnavailable(Exception):  # noqa: N818 - a reason, not a failure
    """Why a baseline cannot be evaluated on this machine."""


@dataclass(frozen=True, slots=True)
class BaselineFeatures:
    """Features of one rendition: a vector for each window.

    Attributes
    ----------
    rendition
        Piece and rendering.
    ends
        Ends of the windows in seconds, (n,); one for the whole piece.
    features
        (n, size).
    """

    rendition: PieceRendering
    ends: NDArray[np.float64]
    features: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.float64]:
        """Valence and arousal of each window, (n, 2); the mean of the piece if there is one."""
        piece, rendering = self.rendition
        if len(self.ends) == 1:
            return piece.mean_label[None]
        return piece.labels_at(self.ends * rendering.pace).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline.

    Attributes
    ----------
    name
        Name in reports.
    extract
        Computes the features of renditions.
    regress
        Predicts (n, 2) from training features, labels, groups, and test features.
    needs_audio
        Whether it cannot use precomputed views. Default: True.
    joint
        Whether one model is fitted to all data sets together. Default: False.
    """

    name: str
    extract: Callable[[list[PieceRendering], FitRecipe, Path], list[BaselineFeatures]]
    regress: Callable[..., NDArray[np.float64]]
    needs_audio: bool = True
    joint: bool = False


def evaluate_baselines(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    fold_of: FoldOf,
    jobs: int,
    published: PublishedModels | None = None,
    *,
    joint_only: bool = False,
    only_evaluated: Collection[str] = (),
) -> dict[str, dict[str, list[Trajectory]]]:
    """Cross-validate the baselines; return test trajectories by data set and baseline.

    Baselines that are unavailable on this machine are skipped, with a message.

    Parameters
    ----------
    recipe, pieces, cache
        Recipe with its data sets and renderings, their pieces, folder of computed features.
    fold_of
        Fold of each (data set, group).
    jobs
        Processes.
    published
        Published networks. Default: baselines with them are left out, as they are for data sets
        that the heads were trained on.
    joint_only
        Leave out baselines that are fitted to one data set. Default: no.
    only_evaluated
        Data sets that no baseline is fitted to. Default: none.
    """
    renditions = evaluation_renditions(recipe, pieces)
    folds = range(max(fold_of.values()) + 1)
    have_audio = all(isinstance(piece.source, Path) for piece in pieces)
    tasks, names = [], []
    usable = published if not TRAINED_ON & recipe.datasets.keys() else None
    for baseline in [*BASELINES, *(_published_baselines(usable) if usable else ())]:
        if (baseline.needs_audio and not have_audio) or (joint_only and not baseline.joint):
            continue
        try:
            features = baseline.extract(renditions, recipe, cache)
        except BaselineUnavailable as reason:
            print(f"skipped baseline {baseline.name}: {reason}")
            continue
        separately = [[name] for name in recipe.labelled]
        for chosen in [list(recipe.datasets)] if baseline.joint else separately:
            part = [one for one in features if one.rendition[0].dataset in chosen]
            if part:
                tasks += [(baseline, part, fold_of, fold, only_evaluated) for fold in folds]
                names += [baseline.name] * len(folds)
    table: dict[str, dict[str, list[Trajectory]]] = {}
    with ProcessPoolExecutor(jobs) as pool:
        done = track(pool.map(_predict_fold, tasks), description="Baselines", total=len(tasks))
        for name, trajectories in zip(names, done, strict=True):
            for one in trajectories:
                table.setdefault(one.piece.dataset, {}).setdefault(name, []).append(one)
    return table


def _predict_fold(
    task: tuple[Baseline, list[BaselineFeatures], FoldOf, int, Collection[str]],
) -> list[Trajectory]:
    """Fit a baseline to the other folds, and predict the test fold.

    Training pieces of a group that another data set has on the test side are left out.
    """
    baseline, features, fold_of, fold, only_evaluated = task

    def is_test(one: BaselineFeatures) -> bool:
        piece, _ = one.rendition
        return fold_of[piece.dataset, piece.group] == fold

    test = [one for one in features if is_test(one)]
    tested_groups = {one.rendition[0].group for one in test}
    train = [
        one
        for one in features
        if one.rendition[0].dataset not in only_evaluated
        and one.rendition[0].group not in tested_groups
    ]
    if not test:
        return []
    predictions = baseline.regress(
        np.concatenate([one.features for one in train]),
        np.concatenate([one.labels for one in train]),
        np.repeat([one.rendition[0].group for one in train], [len(one.ends) for one in train]),
        np.concatenate([one.features for one in test]),
    )
    cuts = np.cumsum([len(one.ends) for one in test])[:-1]
    return [
        Trajectory(*one.rendition, one.ends, mean, np.full_like(mean, np.nan), _WINDOW_SECONDS)
        for one, mean in zip(test, np.split(predictions, cuts), strict=True)
    ]


def _svr(
    train: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: NDArray[np.str_],
    test: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Support vector regression."""
    return SupportVectorRegressor().fit(train, labels, groups).predict(test)


def _ridge(
    train: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: NDArray[np.str_],
    test: NDArray[np.float64],
) -> NDArray[np.float64]:
    folds = list(GroupKFold(min(5, len(np.unique(groups)))).split(train, groups=groups))
    model = make_pipeline(StandardScaler(), RidgeCV(_RIDGE_ALPHAS, cv=folds))
    predictions: NDArray[np.float64] = model.fit(train, labels).predict(test)
    return predictions


def _mean(
    train: NDArray[np.float64], labels: NDArray[np.float64], _groups: object, test: Any
) -> NDArray[np.float64]:
    predictions: NDArray[np.float64] = DummyRegressor().fit(train, labels).predict(test)
    return predictions


def _mel_statistics(
    renditions: list[PieceRendering], recipe: FitRecipe, cache: Path
) -> list[BaselineFeatures]:
    """Mean and standard deviation over time of each Mel band, (256,)."""
    features = []
    for one in load_renditions(renditions, recipe.front_end, cache):
        mel = one.frames[:, : recipe.front_end.mel_bands].astype(np.float64)
        values = np.concatenate([mel.mean(axis=0), mel.std(axis=0)])
        features.append(BaselineFeatures((one.piece, one.rendering), np.zeros(1), values[None]))
    return features


def _musicnn_windows(
    renditions: list[PieceRendering], _recipe: FitRecipe, cache: Path
) -> list[BaselineFeatures]:
    """MusiCNN embeddings of windows."""
    try:
        embedded = load_embeddings(renditions, cache)
    except FileNotFoundError as error:
        raise BaselineUnavailable(str(error)) from None
    return [
        BaselineFeatures(one, ends, values.astype(np.float64))
        for one, (ends, values) in zip(renditions, embedded, strict=True)
    ]


def _musicnn_means(
    renditions: list[PieceRendering], recipe: FitRecipe, cache: Path
) -> list[BaselineFeatures]:
    """MusiCNN embedding, averaged over a piece."""
    return [
        BaselineFeatures(one.rendition, np.zeros(1), one.features.mean(axis=0, keepdims=True))
        for one in _musicnn_windows(renditions, recipe, cache)
    ]


def _egemaps(
    renditions: list[PieceRendering], recipe: FitRecipe, cache: Path
) -> list[BaselineFeatures]:
    """Extract eGeMAPS functionals of a piece, (88,), in one rendering; not of auxiliary sets."""
    first: dict[tuple[str, str], PieceRendering] = {}
    for piece, rendering in renditions:
        if piece.dataset in recipe.datasets:
            first.setdefault((piece.dataset, piece.name), (piece, rendering))
    chosen = list(first.values())
    values = load_egemaps(chosen, cache)
    if values is None:
        raise BaselineUnavailable("openSMILE is not installed; run pip install '.[peers]'")
    return [
        BaselineFeatures(one, np.zeros(1), row[None])
        for one, row in zip(chosen, values, strict=True)
    ]


BASELINES = (
    Baseline("mean", _mel_statistics, _mean, needs_audio=False),
    Baseline("Mel statistics + SVR", _mel_statistics, _svr, needs_audio=False),
    Baseline("eGeMAPS + SVR", _egemaps, _svr),
    Baseline("MusiCNN + ridge", _musicnn_windows, _ridge),
    Baseline("MusiCNN + SVR", _musicnn_means, _svr),
    Baseline("MusiCNN + SVR, all sets", _musicnn_means, _svr, joint=True),
)


@dataclass(frozen=True)
class _MeanFeatures:
    """Features of published networks, averaged over a piece."""

    published: PublishedModels

    def __call__(
        self, renditions: list[PieceRendering], _recipe: FitRecipe, cache: Path
    ) -> list[BaselineFeatures]:
        loaded = self.published.load_features(renditions, cache)
        return [
            BaselineFeatures(one, np.zeros(1), values.mean(axis=0, dtype=np.float64)[None])
            for one, (_, values) in zip(renditions, loaded, strict=True)
        ]


@dataclass(frozen=True)
class _HeadsAlone:
    """The heads as they are: the mean of their predictions, without any fit."""

    heads: AffectHeads

    def __call__(
        self, _train: object, _labels: object, _groups: object, test: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.heads.predict_mean(test)


@dataclass(frozen=True)
class _HeadsAndMoods:
    """Published networks in the scale of the labels of training pieces, which are not paired."""

    heads: AffectHeads

    def __call__(
        self,
        train: NDArray[np.float64],
        labels: NDArray[np.float64],
        _groups: object,
        test: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        published = PublishedAffect(self.heads, moods=True)
        return PublishedInLabelScale(published).fit(train, labels).predict(test)


@dataclass(frozen=True)
class _SVRWithPublished:
    """The weighted mean of a support vector regressor and published networks."""

    heads: AffectHeads
    moods: bool

    def __call__(
        self,
        train: NDArray[np.float64],
        labels: NDArray[np.float64],
        groups: NDArray[np.str_],
        test: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        published = PublishedAffect(self.heads, moods=self.moods)
        regressor = MusicnnRegressor(published, PUBLISHED_WEIGHT).fit(train, labels, groups)
        return regressor.predict(test)


def _published_baselines(published: PublishedModels) -> tuple[Baseline, ...]:
    """List the baselines with heads and, if YAMNet is there, those with its moods."""
    heads, means_with_tags = published.heads, _MeanFeatures(published)
    of_heads = (
        Baseline("MusiCNN heads, zero-shot", _musicnn_means, _HeadsAlone(heads), joint=True),
        Baseline(
            "MusiCNN + SVR, all sets, with heads",
            _musicnn_means,
            _SVRWithPublished(heads, moods=False),
            joint=True,
        ),
    )
    if published.tagger is None:
        return of_heads
    return (
        *of_heads,
        Baseline(
            "MusiCNN heads and YAMNet moods, zero-shot",
            means_with_tags,
            _HeadsAndMoods(heads),
            joint=True,
        ),
        Baseline(
            "MusiCNN + SVR, all sets, with heads and moods",
            means_with_tags,
            _SVRWithPublished(heads, moods=True),
            joint=True,
        ),
    )
