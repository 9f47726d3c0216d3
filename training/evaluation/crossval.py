"""Nested cross-validation by group: one network for each fold and seed."""

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
from training.evaluation.folds import Split, split
from training.evaluation.predict import Trajectory, scores, trajectory
from training.fitting.pretrained import PRETRAINED, load_pretrained
from training.fitting.recipe import FitRecipe
from training.fitting.soup import Sides, fit_soup, open_sides
from training.sound.features import (
    Work,
    judged_work,
    open_frames,
    pool_work,
    training_work,
)

_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _AUXILIARY_SECONDS = 0.5, 2.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network to be judged: its recipe, its music, which fold and which seed."""

    recipe: FitRecipe
    pieces: list[Piece]
    cache: Path
    folds: int
    fold: int
    seed: int

    @property
    def kept(self) -> Path:
        """File in which the result is kept: named by recipe, labels, groups and pretraining."""
        digest = hashlib.sha256(self.recipe.model_dump_json().encode())
        for piece in self.pieces:
            digest.update(f"{piece.dataset}/{piece.name}/{piece.group}/{piece.style}".encode())
            for values in (piece.times, piece.valence, piece.arousal):
                digest.update(values.tobytes())
        if self.recipe.pretrained:
            digest.update((PRETRAINED / f"{self.recipe.pretrained}.pt").read_bytes())
        name = f"{digest.hexdigest()[:16]}-{self.fold}of{self.folds}-{self.seed}.pickle"
        return self.cache / "evaluations" / name

    def split(self, number: int) -> Split:
        """Split for one of the fits: the test side is that of the fold, the others vary."""
        seed = self.seed * self.recipe.fits + number
        return split(self.pieces, self.fold, self.folds, seed, self.recipe.datasets)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """What one job gave.

    Attributes
    ----------
    fold, seed
        Which job.
    steps, histories, notes
        Of each fit the step chosen on validation, and the validation score and how pseudo labels
        went at each look.
    seconds
        CPU time of the fits.
    weights
        Of the network.
    validation
        Trajectories of the fits on the pieces that their steps were chosen by.
    test
        Trajectories of the network on the pieces that judge, with the lag of the labels that was
        best on validation.
    """

    fold: int
    seed: int
    steps: list[int]
    histories: list[list[tuple[int, float]]]
    notes: list[list[dict[str, float]]]
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
    """Fit every fold with every seed; see `run_jobs`."""
    work = [
        Job(recipe=recipe, pieces=pieces, cache=cache, folds=folds, fold=fold, seed=seed)
        for seed in seeds
        for fold in range(folds)
    ]
    return run_jobs(work, jobs)


def run_jobs(work: list[Job], processes: int) -> list[FoldResult]:
    """Do jobs, so many at a time; the finished ones are kept, so that a stopped run goes on."""
    for job in {(one.recipe.model_dump_json(), one.cache): one for one in work}.values():
        open_frames(everything(job.recipe, job.pieces), job.recipe.front_end, job.cache)
    with ProcessPoolExecutor(processes) as pool:
        return list(track(pool.map(_kept, work), description="Fitting", total=len(work)))


def everything(recipe: FitRecipe, pieces: list[Piece]) -> list[Work]:
    """List all that is heard in fitting and judging."""
    return [
        one for heard in (training_work, judged_work, pool_work) for one in heard(recipe, pieces)
    ]


def _kept(job: Job) -> FoldResult:
    """Do a job, or take what an earlier run left of it."""
    if not job.kept.exists():
        result = _run(job)
        job.kept.parent.mkdir(parents=True, exist_ok=True)
        partial = job.kept.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(pickle.dumps(result))
        partial.replace(job.kept)
    try:
        return cast("FoldResult", pickle.loads(job.kept.read_bytes()))  # noqa: S301 - our own file
    except (pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise ValueError(f"{job.kept} is damaged ({error}); delete it") from None


def _run(job: Job) -> FoldResult:
    torch.set_num_threads(1)
    recipe, spec = job.recipe, job.recipe.front_end

    def sides(number: int) -> Sides:
        return open_sides(job.split(number), job.pieces, recipe, job.cache)

    begun = time.process_time()
    soup = fit_soup(sides, recipe, job.seed, pretrained=load_pretrained(recipe))
    seconds = time.process_time() - begun
    tested = {(piece.dataset, piece.name) for piece in job.split(0).test}
    judged = [
        one for one in judged_work(recipe, job.pieces) if (one[0].dataset, one[0].name) in tested
    ]
    watched = [path for one in soup.fits for path in one.validation]
    lag = best_lag(watched)
    paths = [
        trajectory(soup.network, one, _every(one.piece, recipe), spec)
        for one in open_frames(judged, spec, job.cache)
    ]
    return FoldResult(
        fold=job.fold,
        seed=job.seed,
        steps=[one.step for one in soup.fits],
        histories=[one.history for one in soup.fits],
        notes=[one.notes for one in soup.fits],
        seconds=seconds,
        weights=soup.network.state_dict(),
        validation=watched,
        test=[replace(path, lag=lag) for path in paths],
    )


def best_lag(paths: list[Trajectory]) -> float:
    """Choose the lag of the labels in whole seconds that agrees best with moving labels."""
    long = [path for path in paths if len(path.piece.times) > 1]
    if not long:
        return 0.0
    values = [
        np.mean(
            [
                axis["moment_ccc"]
                for axis in scores([replace(one, lag=lag) for one in long]).values()
            ]
        )
        for lag in _LAGS
    ]
    return float(_LAGS[int(np.argmax(values))])


def _every(piece: Piece, recipe: FitRecipe) -> float:
    """Seconds between estimates: short clips are looked at more closely."""
    if piece.dataset in recipe.auxiliary:
        return _AUXILIARY_SECONDS
    return _PIECE_SECONDS if piece.is_midi or len(piece.times) > 1 else _CLIP_SECONDS
