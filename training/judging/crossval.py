"""Nested cross-validation by group: one fit for each fold and seed."""

import hashlib
import pickle
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from rich.progress import track

from training.datasets import Piece
from training.sound.features import Rendition, auxiliary_renditions, renditions
from training.fitting.fit import fit
from training.judging.folds import split
from training.judging.predict import Trajectory, scores, trajectory
from training.fitting.recipe import Recipe
from training.judging.response import arousal_steps

_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _DENSE_SECONDS = 0.5, 2.0, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One fit: which fold and seed, and whether its trajectories are looked at densely."""

    recipe: Recipe
    pieces: list[Piece]
    auxiliary: list[Piece]
    cache: Path
    folds: int
    fold: int
    seed: int
    dense: bool

    @property
    def kept(self) -> Path:
        """File in which the result is kept."""
        names = [f"{piece.dataset}/{piece.name}" for piece in (*self.pieces, *self.auxiliary)]
        digest = hashlib.sha256(repr((self.recipe, names)).encode()).hexdigest()[:16]
        dense = "-dense" if self.dense else ""
        name = f"{digest}-{self.fold}of{self.folds}-{self.seed}{dense}.pickle"
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
    deviation_scale
        Scale of the deviations found on validation, (valence, arousal).
    test
        Trajectories on the test pieces.
    lag
        If dense: lag in seconds with the best moment CCC on validation.
    dense, joins
        If dense: test trajectories of one rendition a piece, densely; joins of calm and
        excited test clips with the time of each join.
    """

    fold: int
    seed: int
    step: int
    seconds: float
    deviation_scale: list[float]
    test: list[Trajectory]
    lag: int | None = None
    dense: list[Trajectory] = field(default_factory=list)
    joins: list[tuple[Trajectory, float]] = field(default_factory=list)


def cross_validate(
    recipe: Recipe,
    pieces: list[Piece],
    auxiliary: list[Piece],
    cache: Path,
    folds: int,
    seeds: list[int],
    jobs: int,
) -> list[FoldResult]:
    """Fit every fold with every seed, the last seed's looked at densely.

    Auxiliary pieces are only ever fitted to. Finished fits are kept in the cache, so that a stopped
    run goes on.
    """
    renditions(pieces, recipe.sound_fonts, recipe.front_end, cache)
    auxiliary_renditions(recipe, auxiliary, cache)
    work = [
        Job(
            recipe=recipe,
            pieces=pieces,
            auxiliary=auxiliary,
            cache=cache,
            folds=folds,
            fold=fold,
            seed=seed,
            dense=seed == seeds[-1],
        )
        for seed in seeds
        for fold in range(folds)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        return list(track(pool.map(_kept, work), description="Fitting", total=len(work)))


def _kept(job: Job) -> FoldResult:
    """Do a job, or take what an earlier run left of the same recipe and pieces."""
    if not job.kept.exists():
        result = _run(job)
        job.kept.parent.mkdir(parents=True, exist_ok=True)
        partial = job.kept.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(result))
        partial.rename(job.kept)
    return cast("FoldResult", pickle.loads(job.kept.read_bytes()))  # noqa: S301 - our own file


def _run(job: Job) -> FoldResult:
    torch.set_num_threads(1)
    recipe, spec = job.recipe, job.recipe.front_end
    parts = split(job.pieces, job.fold, job.folds, job.seed)
    train, validation, test = (
        renditions(part, recipe.sound_fonts, spec, job.cache)
        for part in (parts.train, parts.validation, parts.test)
    )
    train += auxiliary_renditions(recipe, job.auxiliary, job.cache)
    begun = time.process_time()
    fitted = fit(train, validation, recipe, job.seed)
    seconds = time.process_time() - begun
    network = fitted.network

    def estimate(
        sounds: Iterable[Rendition], piece_seconds: float, clip_seconds: float
    ) -> list[Trajectory]:
        return [
            trajectory(network, one, piece_seconds if one.sound_font else clip_seconds, spec)
            for one in sounds
        ]

    def densely(sounds: Iterable[Rendition]) -> list[Trajectory]:
        one_each = (one for one in sounds if one.sound_font in ("", recipe.sound_fonts[0]))
        return estimate(one_each, _DENSE_SECONDS, _DENSE_SECONDS) if job.dense else []

    clips = [one for one in test if not one.sound_font]
    return FoldResult(
        fold=job.fold,
        seed=job.seed,
        step=fitted.step,
        seconds=seconds,
        deviation_scale=network.fused_head.std_scale.tolist(),
        test=estimate(test, _PIECE_SECONDS, _CLIP_SECONDS),
        lag=_best_lag(densely(validation)) if job.dense else None,
        dense=densely(test),
        joins=arousal_steps(network, clips, spec) if job.dense else [],
    )


def _best_lag(paths: list[Trajectory]) -> int:
    long = [path for path in paths if len(path.piece.times) > 1]
    if not long:
        return 0
    values = [np.mean([axis["moment_ccc"] for axis in scores(long, lag).values()]) for lag in _LAGS]
    return int(np.argmax(values))
