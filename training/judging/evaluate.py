"""What a cross-validation says: scores by data set, smoother, response, coverage."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.engines import KalmanSettings
from training.judging.crossval import FoldResult, cross_validate
from training.datasets import Piece
from training.judging.folds import assign_folds
from training.judging.metrics import bootstrap_interval, mean_ccc
from training.judging.predict import AXES, piece_means, scores
from training.fitting.recipe import Recipe
from training.judging.response import response_time
from training.judging.smoothing import coverage, fit_smoother

LONGEST_RESPONSE = 2.15  # seconds of an idealised window; real ones answer a little later


def evaluate(
    recipe: Recipe,
    pieces: list[Piece],
    auxiliary: list[Piece],
    cache: Path,
    folds: int,
    seeds: list[int],
    jobs: int,
) -> dict[str, Any]:
    """Cross-validate and summarise, as JSON; parameters as for `cross_validate`."""
    done = cross_validate(recipe, pieces, auxiliary, cache, folds, seeds, jobs)
    dense = [one for one in done if one.dense]
    smoothing = _fitted(dense)
    joins = [join for one in dense for join in one.joins]
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
            }
            for one in done
        ],
        "smoothing": asdict(smoothing),
        "response_63": {
            "raw": response_time(joins, None),
            "smoothed": response_time(joins, smoothing),
        },
        "scores": {dataset: _summary(dataset, done, seeds) for dataset in recipe.datasets},
    }


def _fitted(results: list[FoldResult]) -> KalmanSettings:
    return fit_smoother([path for one in results for path in one.dense], LONGEST_RESPONSE)


def _summary(dataset: str, done: list[FoldResult], seeds: list[int]) -> dict[str, Any]:
    by_seed, estimates = [], []
    pieces: list[Piece] = []
    labels = np.empty((0, 2))
    for seed in seeds:
        results = (one for one in done if one.seed == seed)
        paths = [path for one in results for path in one.test if path.piece.dataset == dataset]
        by_seed.append(scores(paths))
        pieces = list({path.piece.name: path.piece for path in paths}.values())
        of_seed, labels = piece_means(paths)
        estimates.append(of_seed)
    names, groups = [one.name for one in pieces], [one.group for one in pieces]
    dense = [one for one in done if one.dense]
    return {
        "pieces": {
            name: {"label": label.tolist(), "by_seed": [one[k].tolist() for one in estimates]}
            for k, (name, label) in enumerate(zip(names, labels, strict=True))
        },
        "mean_over_seeds": {
            axis: {
                name: float(np.mean([one[axis][name] for one in by_seed]))
                for name in by_seed[0][axis]
            }
            for axis in AXES
        },
        "by_seed": by_seed,
        "ccc_interval_over_pieces": _ccc_intervals(estimates, labels, names),
        "ccc_interval_over_groups": _ccc_intervals(estimates, labels, groups),
        "coverage_raw": _mean_coverage(dataset, dense, smooth=False),
        "coverage_smoothed": _mean_coverage(dataset, dense, smooth=True),
    }


def _ccc_intervals(
    estimates: list[NDArray[np.float64]], labels: NDArray[np.float64], groups: list[str]
) -> dict[str, tuple[float, float]]:
    """Intervals of the CCC's mean over seeds."""
    return {
        axis: bootstrap_interval(partial(mean_ccc, estimates, labels, k), groups)
        for k, axis in enumerate(AXES)
    }


def _mean_coverage(dataset: str, done: list[FoldResult], *, smooth: bool) -> dict[str, list[float]]:
    """Mean over folds, each with a smoother fitted to the other folds only."""
    tables = [
        coverage(
            [path for path in one.dense if path.piece.dataset == dataset],
            _fitted([other for other in done if other.fold != one.fold]) if smooth else None,
        )
        for one in done
    ]
    return {name: np.mean([table[name] for table in tables], axis=0).tolist() for name in tables[0]}


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a result, numbers to four decimals, null for what has no value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = json.loads(
        json.dumps(content),
        parse_float=lambda text: round(float(text), 4),
        parse_constant=lambda _: None,
    )
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
