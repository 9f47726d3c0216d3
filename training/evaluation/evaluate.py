"""Evaluate a recipe: cross-validation beside baselines, with bootstrap intervals."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.engines import KalmanSettings
from training.datasets import AXES, Piece
from training.evaluation.baselines import evaluate_baselines
from training.evaluation.cross_validation import FoldResult, cross_validate
from training.evaluation.diagnostics import FoldDiagnostics, run_diagnostics
from training.evaluation.smoothing import (
    fit_smoother,
    labels_in_intervals,
    response_time,
    within_piece_agreement,
)
from training.fitting.recipe import FitRecipe
from training.metrics import agreement, bootstrap_interval, mean_ccc, quadrant_accuracy
from training.predict import Trajectory, piece_means, scores
from training.sound.published import PublishedModels
from training.splits import fold_of_each

LONGEST_RESPONSE = 2.15  # seconds, of an idealised window; real responses are a little longer
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of an evaluation.

    Attributes
    ----------
    summary
        All numbers, as written to JSON.
    results
        Results of all folds and seeds.
    diagnostics
        Diagnostics of the last seed, one a fold.
    """

    summary: dict[str, Any]
    results: list[FoldResult]
    diagnostics: list[FoldDiagnostics]


def evaluate(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    folds: int,
    seeds: list[int],
    jobs: int,
    published: PublishedModels | None = None,
) -> Evaluation:
    """Cross-validate, evaluate baselines on the same folds, run diagnostics of the last seed.

    Without published networks, the baselines with them are left out.
    """
    fold_of = fold_of_each(pieces, folds)
    results = cross_validate(recipe, pieces, cache, folds, seeds, jobs, published)
    baselines = evaluate_baselines(recipe, pieces, cache, fold_of, jobs, published)
    last = [one for one in results if one.seed == seeds[-1]]
    diagnostics = run_diagnostics(recipe, pieces, last, cache, folds, jobs)
    smoothing = _fit_smoother(diagnostics)
    steps = [step for one in diagnostics for step in one.arousal_steps]
    tables = {
        dataset: _scores(dataset, results, seeds, baselines[dataset], recipe)
        for dataset in recipe.labelled
    }
    summary = {
        "recipe": recipe.model_dump(mode="json"),
        "front_end_digest": recipe.front_end.digest,
        "folds": {
            dataset: {group: fold for (one, group), fold in fold_of.items() if one == dataset}
            for dataset in recipe.labelled
        },
        "fits": [_fit_summary(one) for one in results],
        "smoothing": asdict(smoothing),
        "response_63": {
            "raw": response_time(steps, None),
            "smoothed": response_time(steps, smoothing),
        },
        "headline": _headline([tables[dataset] for dataset in recipe.datasets]),
        "scores": tables,
        "movement": {
            dataset: within_piece_agreement(_dense(dataset, diagnostics), smoothing)
            for dataset in recipe.datasets
        },
        "coverage": {dataset: _coverage(dataset, diagnostics) for dataset in recipe.datasets},
        "venues": {dataset: _venues(dataset, diagnostics) for dataset in recipe.datasets},
    }
    return Evaluation(summary, results, diagnostics)


def _headline(tables: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean CCC over data sets, by axis, of the network and of baselines that all sets have."""
    names = [name for name in tables[0]["ladder"] if all(name in one["ladder"] for one in tables)]
    models = {
        "damer": [one["damer"] for one in tables],
        **{name: [one["ladder"][name] for one in tables] for name in names},
    }
    return {
        name: {axis: float(np.mean([one[axis]["ccc"] for one in scored])) for axis in AXES}
        for name, scored in models.items()
    }


def _fit_summary(result: FoldResult) -> dict[str, Any]:
    return {
        "fold": result.fold,
        "seed": result.seed,
        "steps": result.steps,
        "cpu_seconds": round(result.seconds),
        "lag": result.test[0].lag if result.test else 0.0,
    }


def _dense(dataset: str, diagnostics: list[FoldDiagnostics]) -> list[Trajectory]:
    return [path for one in diagnostics for path in one.dense if path.piece.dataset == dataset]


def _fit_smoother(diagnostics: list[FoldDiagnostics]) -> KalmanSettings:
    return fit_smoother([path for one in diagnostics for path in one.dense], LONGEST_RESPONSE)


def _scores(
    dataset: str,
    results: list[FoldResult],
    seeds: list[int],
    baselines: dict[str, list[Trajectory]],
    recipe: FitRecipe,
) -> dict[str, Any]:
    """Score one data set; of auxiliary ones, whose labels are quadrants, only the signs."""
    by_seed = [[path for one in results if one.seed == seed for path in one.test] for seed in seeds]
    own = [[path for path in paths if path.piece.dataset == dataset] for paths in by_seed]
    pieces = list({path.piece.name: path.piece for path in own[0]}.values())
    predictions = [piece_means(paths)[0] for paths in own]
    labels = piece_means(own[0])[1]
    names, groups = [one.name for one in pieces], [one.group for one in pieces]
    baseline_points = {name: _aligned(paths, names) for name, paths in baselines.items()}
    table: dict[str, Any] = {
        "quadrant": {
            "damer": _mean_table([quadrant_accuracy(one, labels) for one in predictions]),
            **{name: quadrant_accuracy(one, labels) for name, one in baseline_points.items()},
        },
        "damer": _mean_table([scores(paths) for paths in own]),
        "by_seed": [scores(paths) for paths in own],
        "ladder": {name: scores(paths) for name, paths in baselines.items()},
        "pieces": {
            name: {
                "label": labels[k].tolist(),
                "damer": [one[k].tolist() for one in predictions],
                **{baseline: points[k].tolist() for baseline, points in baseline_points.items()},
            }
            for k, name in enumerate(names)
        },
    }
    if dataset in recipe.datasets:
        table["interval"] = {
            axis: {
                what: bootstrap_interval(partial(mean_ccc, predictions, labels, k), units)
                for what, units in (("pieces", names), ("groups", groups))
            }
            for k, axis in enumerate(AXES)
        }
        table["above"] = {
            name: _gain_over(points, predictions, labels, names, groups)
            for name, points in baseline_points.items()
        }
    return table


def _aligned(trajectories: list[Trajectory], names: list[str]) -> Points:
    """Mean predictions of pieces in the order of `names`, (pieces, 2)."""
    by_name: dict[str, list[Points]] = {}
    for one in trajectories:
        by_name.setdefault(one.piece.name, []).append(one.mean_over_full_windows())
    return np.array([np.mean(by_name[name], axis=0) for name in names])


def _gain_over(
    theirs: Points, ours: list[Points], labels: Points, names: list[str], groups: list[str]
) -> dict[str, Any]:
    """Difference of our CCC and a baseline's, with paired intervals."""

    def gain(axis: int, rows: NDArray[np.int64]) -> float:
        return mean_ccc(ours, labels, axis, rows) - mean_ccc([theirs], labels, axis, rows)

    return {
        axis: {
            "gain": gain(k, np.arange(len(names))),
            "pieces": bootstrap_interval(partial(gain, k), names),
            "groups": bootstrap_interval(partial(gain, k), groups),
        }
        for k, axis in enumerate(AXES)
    }


def _mean_table(tables: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds of every number of tables with the same keys."""
    return {
        key: _mean_table([one[key] for one in tables])
        if isinstance(value, dict)
        else float(np.mean([one[key] for one in tables]))
        for key, value in tables[0].items()
    }


def _coverage(dataset: str, diagnostics: list[FoldDiagnostics]) -> dict[str, Any]:
    """Share of labels in the intervals, with a bootstrap interval over groups.

    The smoother of each fold is fitted to the other folds.
    """
    table: dict[str, Any] = {}
    for kind in ("raw", "smoothed"):
        inside: dict[str, list[NDArray[np.bool_]]] = {}
        groups: list[str] = []
        for one in diagnostics:
            settings = None
            if kind == "smoothed":
                settings = _fit_smoother([other for other in diagnostics if other is not one])
            for path in one.dense:
                if path.piece.dataset == dataset:
                    groups.append(path.piece.group)
                    for width, hits in labels_in_intervals(path, settings).items():
                        inside.setdefault(width, []).append(hits)
        table[kind] = {
            width: {
                axis: _share([piece[:, k] for piece in hits], groups) for k, axis in enumerate(AXES)
            }
            for width, hits in inside.items()
        }
    return table


def _share(hits: list[NDArray[np.bool_]], groups: list[str]) -> dict[str, Any]:
    counts = np.array([(one.sum(), len(one)) for one in hits], dtype=float)

    def share(rows: NDArray[np.int64]) -> float:
        inside, total = counts[rows].sum(axis=0)
        return float(inside / total)

    return {"share": share(np.arange(len(hits))), "groups": bootstrap_interval(share, groups)}


def _venues(dataset: str, diagnostics: list[FoldDiagnostics]) -> dict[str, dict[str, float]]:
    """Piece-level CCC by venue and axis."""
    table = {}
    for name in diagnostics[0].venues:
        paths = [path for one in diagnostics for path in one.venues[name]]
        predictions, labels = piece_means([one for one in paths if one.piece.dataset == dataset])
        table[name] = {
            axis: agreement(predictions[:, k], labels[:, k]).ccc for k, axis in enumerate(AXES)
        }
    return table
