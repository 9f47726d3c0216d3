"""Nested cross-validation by group: one fit for each fold and seed."""

import hashlib
import pickle
import time
from collections.abc import Iterable
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
from training.fitting.fit import PRETRAINED, fit, load_pretrained
from training.fitting.recipe import FitRecipe
from training.judging.folds import split
from training.judging.predict import Trajectory, scores, trajectory
from training.sound.features import (
    Rendition,
    in_every,
    judged_work,
    open_frames,
    open_rehearsal,
    training_work,
)

_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _AUXILIARY_SECONDS = 0.5, 2.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One fit: its recipe, its music, which fold and which seed."""

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
            digest.update(f"{piece.dataset}/{piece.name}/{piece.group}".encode())
            for values in (piece.times, piece.valence, piece.arousal):
                digest.update(values.tobytes())
        if self.recipe.pretrained:
            digest.update((PRETRAINED / f"{self.recipe.pretrained}.pt").read_bytes())
        name = f"{digest.hexdigest()[:16]}-{self.fold}of{self.folds}-{self.seed}.pickle"
        return self.cache / "evaluations" / name


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """What one fit gave.

    Attributes
    ----------
    fold, seed, step
        Which fit, and the step chosen on validation.
    seconds
        CPU time of the fit.
    history
        Validation score at each look.
    weights
        Of the network.
    validation, test
        Trajectories on the pieces the step was chosen by, and on those that judge; with the lag of
        the labels that was best on validation.
    """

    fold: int
    seed: int
    step: int
    seconds: float
    history: list[tuple[int, float]]
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
    """Fit every fold with every seed.

    Finished fits are kept in the cache, so that a stopped run goes on.
    """
    open_frames(training_work(recipe, pieces), recipe.front_end, cache)
    open_rehearsal(recipe, judged_work(recipe, pieces), cache)
    work = [
        Job(recipe=recipe, pieces=pieces, cache=cache, folds=folds, fold=fold, seed=seed)
        for seed in seeds
        for fold in range(folds)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        return list(track(pool.map(_kept, work), description="Fitting", total=len(work)))


def _kept(job: Job) -> FoldResult:
    """Do a job, or take what an earlier run left of it."""
    if not job.kept.exists():
        result = _run(job)
        job.kept.parent.mkdir(parents=True, exist_ok=True)
        partial = job.kept.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(result))
        partial.replace(job.kept)
    try:
        return cast("FoldResult", pickle.loads(job.kept.read_bytes()))  # noqa: S301 - our own file
    except (pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise ValueError(f"{job.kept} is damaged ({error}); delete it") from None


def _run(job: Job) -> FoldResult:
    torch.set_num_threads(1)
    recipe, spec = job.recipe, job.recipe.front_end
    parts = split(job.pieces, job.fold, job.folds, job.seed, recipe.datasets)
    names = {(piece.dataset, piece.name) for piece in parts.train}
    learnt, rehearsed = (
        [one for one in work if (one[0].dataset, one[0].name) in names]
        for work in (training_work(recipe, job.pieces), judged_work(recipe, job.pieces))
    )
    begun = time.process_time()
    fitted = fit(
        open_frames(learnt, spec, job.cache),
        open_frames(in_every(parts.validation, recipe.renderings), spec, job.cache),
        recipe,
        job.seed,
        pretrained=load_pretrained(recipe),
        rehearsal=open_rehearsal(recipe, rehearsed, job.cache),
    )
    seconds = time.process_time() - begun

    def estimate(sounds: Iterable[Rendition]) -> list[Trajectory]:
        return [trajectory(fitted.network, one, _every(one.piece, recipe), spec) for one in sounds]

    tested = {(piece.dataset, piece.name) for piece in parts.test}
    heard = [
        one for one in judged_work(recipe, job.pieces) if (one[0].dataset, one[0].name) in tested
    ]
    chosen_by = in_every(parts.validation, recipe.renderings)
    watched = estimate(open_frames(chosen_by, spec, job.cache))
    lag = best_lag(watched)
    return FoldResult(
        fold=job.fold,
        seed=job.seed,
        step=fitted.step,
        seconds=seconds,
        history=fitted.history,
        weights=fitted.network.state_dict(),
        validation=[replace(path, lag=lag) for path in watched],
        test=[replace(path, lag=lag) for path in estimate(open_frames(heard, spec, job.cache))],
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
