"""Nested cross-validation by group: one soup for each fold and seed, cached.

Results are kept in the cache, so that a killed evaluation continues with the missing ones.
"""

import hashlib
import os
import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from damer.nn import DAMER
from training.datasets import Piece
from training.fitting.pretrained import PRETRAINED_DIR, load_pretrained
from training.fitting.recipe import FitRecipe
from training.fitting.selection import (
    FitData,
    evaluation_renditions,
    every_rendition,
    load_fit_data,
)
from training.fitting.soup import fit_soup
from training.predict import Trajectory, predict_trajectory, scores
from training.sound.feature_cache import load_renditions
from training.splits import Split, split

_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _AUXILIARY_SECONDS = 0.5, 2.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network to fit and evaluate: recipe, pieces, fold and seed."""

    recipe: FitRecipe
    pieces: list[Piece]
    cache: Path
    folds: int
    fold: int
    seed: int

    @property
    def result_file(self) -> Path:
        """Cache file of the result, named by recipe, labels, groups and pretrained weights."""
        digest = hashlib.sha256(self.recipe.model_dump_json().encode())
        for piece in self.pieces:
            digest.update(f"{piece.dataset}/{piece.name}/{piece.group}/{piece.style}".encode())
            for values in (piece.times, piece.valence, piece.arousal):
                digest.update(values.tobytes())
        if self.recipe.pretrained:
            digest.update((PRETRAINED_DIR / f"{self.recipe.pretrained}.pt").read_bytes())
        name = f"{digest.hexdigest()[:16]}-{self.fold}of{self.folds}-{self.seed}.pickle"
        return self.cache / "evaluations" / name

    def split(self, number: int) -> Split:
        """Split for fit `number` of the soup: all have the fold's test side."""
        seed = self.seed * self.recipe.fits + number
        return split(self.pieces, self.fold, self.folds, seed, self.recipe.datasets)


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
) -> list[FoldResult]:
    """Fit and evaluate every fold with every seed, `jobs` at a time."""
    queue = [
        Job(recipe=recipe, pieces=pieces, cache=cache, folds=folds, fold=fold, seed=seed)
        for seed in seeds
        for fold in range(folds)
    ]
    return run_jobs(queue, jobs)


def run_jobs(jobs: list[Job], processes: int) -> list[FoldResult]:
    """Run jobs in a number of processes; take finished ones from the cache."""
    for job in {(one.recipe.model_dump_json(), one.cache): one for one in jobs}.values():
        load_renditions(every_rendition(job.recipe, job.pieces), job.recipe.front_end, job.cache)
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
    recipe, spec = job.recipe, job.recipe.front_end

    def load_data(number: int) -> FitData:
        return load_fit_data(job.split(number), job.pieces, recipe, job.cache)

    started = time.process_time()
    soup = fit_soup(load_data, recipe, job.seed, pretrained=load_pretrained(recipe))
    seconds = time.process_time() - started
    test_names = {(piece.dataset, piece.name) for piece in job.split(0).test}
    test = [
        one
        for one in evaluation_renditions(recipe, job.pieces)
        if (one[0].dataset, one[0].name) in test_names
    ]
    validation = [one for fit in soup.fits for one in fit.validation]
    lag = best_lag(validation)
    trajectories = [
        predict_trajectory(soup.network, one, _interval(one.piece, recipe), spec)
        for one in load_renditions(test, spec, job.cache)
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


def _interval(piece: Piece, recipe: FitRecipe) -> float:
    """Seconds between predictions: the least for short clips."""
    if piece.dataset in recipe.auxiliary:
        return _AUXILIARY_SECONDS
    return _PIECE_SECONDS if piece.is_midi or len(piece.times) > 1 else _CLIP_SECONDS
