"""Nested cross-validation by group: how well a recipe does on music it has never met."""

import hashlib
import json
import pickle
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from streamer.engines import KalmanSettings
from training.baselines import predict_mean, predict_svr
from training.datasets import Piece
from training.features import Rendition, auxiliary_renditions, renditions
from training.fit import fit
from training.folds import assign_folds, hold_out
from training.metrics import agreement, bootstrap_interval
from training.predict import AXES, Trajectory, piece_means, scores, trajectory
from training.recipe import Recipe
from training.response import arousal_steps, response_time
from training.smoothing import coverage, fit_smoother

VALIDATION_SHARE = 0.15
LONGEST_RESPONSE = 2.4
_LAGS = range(7)
_CLIP_SECONDS, _PIECE_SECONDS, _DENSE_SECONDS = 0.5, 2.0, 0.25


@dataclass(frozen=True, slots=True)
class Split:
    """Pieces of one fold: to fit on, to choose by, to judge by."""

    train: list[Piece]
    validation: list[Piece]
    test: list[Piece]


def split(pieces: list[Piece], fold: int, folds: int, seed: int) -> Split:
    """Split each data set by group; the validation groups depend on fold and seed."""
    parts = Split([], [], [])
    for dataset in sorted({piece.dataset for piece in pieces}):
        own = [piece for piece in pieces if piece.dataset == dataset]
        fold_of = assign_folds(own, folds)
        rest = [piece for piece in own if fold_of[piece.group] != fold]
        held = hold_out(rest, VALIDATION_SHARE, seed=folds * seed + fold)
        parts.test.extend(piece for piece in own if fold_of[piece.group] == fold)
        parts.validation.extend(piece for piece in rest if piece.group in held)
        parts.train.extend(piece for piece in rest if piece.group not in held)
    return parts


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
    dense
        For the first seed: test trajectories of one rendition a piece, densely.
    smoothing, response, raw_response
        For the first seed: smoother fitted on validation; response with and without it on test.
    lag
        Lag in seconds with the best moment CCC on validation.
    """

    fold: int
    seed: int
    step: int
    seconds: float
    deviation_scale: list[float]
    test: list[Trajectory]
    dense: list[Trajectory]
    smoothing: KalmanSettings | None
    response: float | None
    raw_response: float | None
    lag: int


def evaluate(
    recipe: Recipe,
    pieces: list[Piece],
    auxiliary: list[Piece],
    cache: Path,
    folds: int,
    seeds: list[int],
    jobs: int,
) -> dict[str, Any]:
    """Cross-validate and summarise, as JSON. Auxiliary pieces are only ever fitted to."""
    renditions(pieces, recipe.sound_fonts, recipe.front_end, cache)
    auxiliary_renditions(recipe, auxiliary, cache)
    work = [
        (recipe, pieces, auxiliary, cache, folds, fold, seed)
        for seed in seeds
        for fold in range(folds)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        done = list(track(pool.map(_kept_fold, work), description="Fitting", total=len(work)))
    return {
        "recipe": asdict(recipe),
        "front_end_digest": recipe.front_end.digest,
        "folds": {
            dataset: assign_folds([one for one in pieces if one.dataset == dataset], folds)
            for dataset in recipe.datasets
        },
        "fits": [
            {
                "fold": one.fold,
                "seed": one.seed,
                "step": one.step,
                "cpu_seconds": round(one.seconds),
                "lag": one.lag,
                "deviation_scale": one.deviation_scale,
                "response_63": one.response,
                "raw_response_63": one.raw_response,
            }
            for one in done
        ],
        "smoothing": _mean_smoothing(done),
        "scores": {dataset: _summary(dataset, done, seeds) for dataset in recipe.datasets},
    }


def baselines(recipe: Recipe, pieces: list[Piece], cache: Path, folds: int) -> dict[str, Any]:
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
        answer[dataset] = {
            name: _table(np.array([np.mean(by_piece[piece.name], axis=0) for piece in own]), labels)
            for name, by_piece in estimates.items()
        }
    return answer


def _kept_fold(job: tuple[Recipe, list[Piece], list[Piece], Path, int, int, int]) -> FoldResult:
    """Run a fold, or take what an earlier run left of the same recipe and pieces."""
    recipe, pieces, auxiliary, cache, folds, fold, seed = job
    names = [f"{piece.dataset}/{piece.name}" for piece in (*pieces, *auxiliary)]
    digest = hashlib.sha256(repr((recipe, names)).encode()).hexdigest()[:16]
    path = cache / "evaluations" / f"{digest}-{fold}of{folds}-{seed}.pickle"
    if not path.exists():
        result = _run_fold(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".partial").write_bytes(pickle.dumps(result))
        path.with_suffix(".partial").rename(path)
    return cast("FoldResult", pickle.loads(path.read_bytes()))  # noqa: S301 - our own file


def _run_fold(job: tuple[Recipe, list[Piece], list[Piece], Path, int, int, int]) -> FoldResult:
    recipe, pieces, auxiliary, cache, folds, fold, seed = job
    torch.set_num_threads(1)
    parts = split(pieces, fold, folds, seed)
    spec = recipe.front_end
    train, validation, test = (
        renditions(part, recipe.sound_fonts, spec, cache)
        for part in (parts.train, parts.validation, parts.test)
    )
    train += auxiliary_renditions(recipe, auxiliary, cache)
    begun = time.process_time()
    fitted = fit(train, validation, recipe, seed)
    seconds = time.process_time() - begun
    network = fitted.network

    def dense(parts: Iterable[Rendition]) -> list[Trajectory]:
        first = ("", recipe.sound_fonts[0])
        return [
            trajectory(network, one, _DENSE_SECONDS, spec)
            for one in parts
            if one.sound_font in first
        ]

    dense_test, smoothing, response, raw_response, lag = [], None, None, None, 0
    if seed == 0:
        dense_validation, dense_test = dense(validation), dense(test)
        smoothing = fit_smoother(dense_validation, LONGEST_RESPONSE)
        joins = arousal_steps(network, [one for one in test if not one.sound_font], spec)
        response, raw_response = response_time(joins, smoothing), response_time(joins, None)
        lag = _best_lag(dense_validation)
    return FoldResult(
        fold=fold,
        seed=seed,
        step=fitted.step,
        seconds=seconds,
        deviation_scale=network.fused_head.std_scale.tolist(),
        test=[
            trajectory(network, one, _PIECE_SECONDS if one.sound_font else _CLIP_SECONDS, spec)
            for one in test
        ],
        dense=dense_test,
        smoothing=smoothing,
        response=response,
        raw_response=raw_response,
        lag=lag,
    )


def _best_lag(paths: list[Trajectory]) -> int:
    long = [path for path in paths if len(path.piece.times) > 1]
    if not long:
        return 0
    values = [np.mean([axis["moment_ccc"] for axis in scores(long, lag).values()]) for lag in _LAGS]
    return int(np.argmax(values))


def _mean_smoothing(done: list[FoldResult]) -> dict[str, Any]:
    """Median over folds: the settings to ship."""
    fitted = [one.smoothing for one in done if one.smoothing is not None]
    return {
        "drift": np.median([one.drift for one in fitted], axis=0).tolist(),
        "correlation": fitted[0].correlation,
        "deviation_scale": np.median([one.deviation_scale for one in fitted], axis=0).tolist(),
    }


def _summary(dataset: str, done: list[FoldResult], seeds: list[int]) -> dict[str, Any]:
    by_seed = []
    estimates: list[NDArray[np.float64]] = []
    labels = np.empty((0, 2))
    for seed in seeds:
        paths = [
            path
            for one in done
            if one.seed == seed
            for path in one.test
            if path.piece.dataset == dataset
        ]
        by_seed.append(scores(paths))
        of_seed, labels = piece_means(paths)
        estimates.append(of_seed)
    mean = {
        axis: {
            name: float(np.mean([one[axis][name] for one in by_seed])) for name in by_seed[0][axis]
        }
        for axis in AXES
    }
    intervals = {
        axis: np.mean([bootstrap_interval(one[:, k], labels[:, k]) for one in estimates], axis=0)
        for k, axis in enumerate(AXES)
    }
    first = [one for one in done if one.seed == seeds[0]]
    return {
        "pieces": len(labels),
        "mean_over_seeds": mean,
        "by_seed": by_seed,
        "ccc_interval_over_pieces": {axis: ends.tolist() for axis, ends in intervals.items()},
        "coverage_raw": _mean_coverage(dataset, first, smooth=False),
        "coverage_smoothed": _mean_coverage(dataset, first, smooth=True),
    }


def _mean_coverage(dataset: str, done: list[FoldResult], *, smooth: bool) -> dict[str, list[float]]:
    """Mean over folds, each with the smoother of its own validation."""
    tables = [
        coverage(
            [path for path in one.dense if path.piece.dataset == dataset],
            one.smoothing if smooth else None,
        )
        for one in done
    ]
    return {name: np.mean([table[name] for table in tables], axis=0).tolist() for name in tables[0]}


def _table(estimates: Any, labels: Any) -> dict[str, dict[str, float]]:
    return {axis: agreement(estimates[:, k], labels[:, k]).as_dict() for k, axis in enumerate(AXES)}


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a result, numbers to four decimals, null for what has no value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = json.loads(
        json.dumps(content),
        parse_float=lambda text: round(float(text), 4),
        parse_constant=lambda _: None,
    )
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
