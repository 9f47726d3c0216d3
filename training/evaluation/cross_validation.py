"""Nested cross-validation by group, or by data set: one soup for each fold and seed, cached.

Results are kept in the cache, so that a killed evaluation continues with the missing ones.
"""

import hashlib
import os
import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from damer.nn import DAMER
from training.datasets import Piece
from training.fitting.pretrained import PRETRAINED_DIR, fold_student, load_pretrained
from training.fitting.recipe import FitRecipe
from training.fitting.selection import (
    FitData,
    embedded_renditions,
    evaluation_renditions,
    every_rendition,
    load_fit_data,
)
from training.fitting.soup import fit_soup
from training.predict import Trajectory, predict_trajectory, scores
from training.sound import teacher
from training.sound.feature_cache import load_renditions
from training.sound.published import PublishedModels
from training.sound.renditions import PieceRendering, Rendition, all_renderings
from training.splits import Split, leave_out, split

_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _AUXILIARY_SECONDS = 0.5, 2.0, 4.0
LONGEST_CLIP_SECONDS = 15.0  # longer renditions are pieces, predicted less often


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network to fit and evaluate.

    Attributes
    ----------
    recipe, pieces, cache
        Recipe, pieces of its data sets, folder of computed features and results.
    folds, fold, seed
        Number of folds, the one to evaluate, and the seed.
    left_out
        Data set to evaluate in place of a fold; the network is fitted to none of it. Default: none.
    published
        Published networks of `recipe.teacher_labels`. Default: none.
    """

    recipe: FitRecipe
    pieces: list[Piece]
    cache: Path
    folds: int
    fold: int
    seed: int
    left_out: str | None = None
    published: PublishedModels | None = None

    @property
    def fit_recipe(self) -> FitRecipe:
        """Recipe without the data set that is left out."""
        return self.recipe.without(self.left_out) if self.left_out else self.recipe

    @property
    def student(self) -> Path | None:
        """File of the student to start from; None if the recipe starts from scratch.

        Raises
        ------
        ValueError
            The student of the fold is missing.
        """
        name = self.recipe.pretrained
        if name is None:
            return None
        if self.left_out or not self.recipe.fold_students:
            return PRETRAINED_DIR / f"{name}.pt"
        file = fold_student(name, self.fold, self.folds, self.cache)
        if not file.is_file():
            raise ValueError(
                f"cannot evaluate {self.recipe.name}: {file} is missing; run `python -m training "
                f"distill --recipe {name} --without-fold {self.fold}/{self.folds}`"
            )
        return file

    @property
    def result_file(self) -> Path:
        """Cache file of the result, named by recipe, labels, groups and pretrained weights."""
        digest = hashlib.sha256(self.recipe.model_dump_json().encode())
        for piece in self.pieces:
            digest.update(f"{piece.dataset}/{piece.name}/{piece.group}/{piece.style}".encode())
            for values in (piece.times, piece.valence, piece.arousal):
                digest.update(values.tobytes())
        if self.student:
            digest.update(self.student.read_bytes())
        if self.recipe.teacher_labels and self.published:
            digest.update(self.published.digest.encode())
            digest.update(teacher.digest(self.cache / "musicnn.onnx").encode())
        fold = f"without-{self.left_out}" if self.left_out else f"{self.fold}of{self.folds}"
        name = f"{digest.hexdigest()[:16]}-{fold}-{self.seed}.pickle"
        return self.cache / "evaluations" / name

    def split(self, number: int) -> Split:
        """Split for fit `number` of the soup: all have the same test side."""
        seed = self.seed * self.recipe.fits + number
        if self.left_out:
            return leave_out(self.pieces, self.left_out, seed, self.fit_recipe.datasets)
        return split(self.pieces, self.fold, self.folds, seed, self.recipe.datasets)

    def test_renditions(self) -> list[PieceRendering]:
        """Renditions of the test side."""
        test = self.split(0).test
        if self.left_out:
            return all_renderings(test, self.recipe.renderings)
        names = {(piece.dataset, piece.name) for piece in test}
        return [
            one
            for one in evaluation_renditions(self.recipe, self.pieces)
            if (one[0].dataset, one[0].name) in names
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """Result of one job.

    Attributes
    ----------
    fold, seed
        Fold and seed of the job.
    steps, histories, diagnostics
        For each fit the chosen step, the validation scores, and the pseudo-label diagnostics.
    seconds
        CPU time of the fits.
    weights
        Weights of the network.
    validation
        Predictions of the fits for their validation pieces.
    test
        Predictions of the network for the test pieces, with the label lag that is best on
        validation.
    """

    fold: int
    seed: int
    steps: list[int]
    histories: list[list[tuple[int, float]]]
    diagnostics: list[list[dict[str, float]]]
    seconds: float
    weights: dict[str, Tensor]
    validation: list[Trajectory]
    test: list[Trajectory]

    def network(self, recipe: FitRecipe) -> DAMER:
        """Build the fitted network."""
        network = DAMER(recipe.network)
        network.load_state_dict(self.weights)
        return network.eval()


def cross_validate(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    folds: int,
    seeds: list[int],
    jobs: int,
    published: PublishedModels | None = None,
) -> list[FoldResult]:
    """Fit and evaluate every fold with every seed, `jobs` at a time."""
    shared: dict[str, Any] = {
        "recipe": recipe,
        "pieces": pieces,
        "cache": cache,
        "published": published,
    }
    queue = [
        Job(**shared, folds=folds, fold=fold, seed=seed) for seed in seeds for fold in range(folds)
    ]
    return run_jobs(queue, jobs)


def run_jobs(jobs: list[Job], processes: int) -> list[FoldResult]:
    """Run jobs in a number of processes; take finished ones from the cache."""
    # Computed here, on all cores, before each process reads them.
    for job in {(one.fit_recipe.model_dump_json(), one.cache): one for one in jobs}.values():
        needed = [*every_rendition(job.fit_recipe, job.pieces), *job.test_renditions()]
        load_renditions(needed, job.recipe.front_end, job.cache)
        if job.published:
            embedded = embedded_renditions(job.fit_recipe, job.pieces)
            job.published.load_features(embedded, job.cache)
    with ProcessPoolExecutor(processes) as pool:
        return list(track(pool.map(_run_cached, jobs), description="Fitting", total=len(jobs)))


def _run_cached(job: Job) -> FoldResult:
    """Run a job unless its result is in the cache; return the cached result.

    Raises
    ------
    ValueError
        The cached result is damaged, or of another version.
    """
    file = job.result_file
    if not file.exists():
        result = _run(job)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(pickle.dumps(result))
        partial.replace(file)
    try:
        return cast("FoldResult", pickle.loads(file.read_bytes()))  # noqa: S301 - our own file
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError) as error:
        raise ValueError(
            f"cannot read {file}: damaged or of another version ({error}); delete it"
        ) from None


def _run(job: Job) -> FoldResult:
    torch.set_num_threads(1)
    recipe, spec = job.fit_recipe, job.recipe.front_end

    def load_data(number: int) -> FitData:
        return load_fit_data(job.split(number), job.pieces, recipe, job.cache, job.published)

    started = time.process_time()
    soup = fit_soup(load_data, recipe, job.seed, pretrained=load_pretrained(recipe, job.student))
    seconds = time.process_time() - started
    validation = [one for fit in soup.fits for one in fit.validation]
    lag = best_lag(validation)
    trajectories = [
        predict_trajectory(soup.network, one, _interval(one, recipe), spec)
        for one in load_renditions(job.test_renditions(), spec, job.cache)
    ]
    return FoldResult(
        fold=job.fold,
        seed=job.seed,
        steps=[one.step for one in soup.fits],
        histories=[one.history for one in soup.fits],
        diagnostics=[one.diagnostics for one in soup.fits],
        seconds=seconds,
        weights=soup.network.state_dict(),
        validation=validation,
        test=[replace(one, lag=lag) for one in trajectories],
    )


def best_lag(trajectories: list[Trajectory]) -> float:
    """Choose the label lag in whole seconds with the best CCC on time-varying labels; else 0."""
    varying = [one for one in trajectories if len(one.piece.times) > 1]
    if not varying:
        return 0.0
    values = [
        np.mean(
            [
                axis["moment_ccc"]
                for axis in scores([replace(one, lag=lag) for one in varying]).values()
            ]
        )
        for lag in _LAGS
    ]
    return float(_LAGS[int(np.argmax(values))])


def _interval(rendition: Rendition, recipe: FitRecipe) -> float:
    """Seconds between predictions: the least for short clips."""
    piece = rendition.piece
    if piece.dataset in recipe.auxiliary:
        return _AUXILIARY_SECONDS
    long = rendition.seconds(recipe.front_end) > LONGEST_CLIP_SECONDS
    return _PIECE_SECONDS if long or len(piece.times) > 1 else _CLIP_SECONDS
