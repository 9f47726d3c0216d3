"""What a cross-validation says, beside the ladder of baselines: tables with intervals."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.engines import KalmanSettings
from training.datasets import Piece
from training.evaluation.baselines import climb
from training.evaluation.crossval import FoldResult, cross_validate
from training.evaluation.folds import fold_of_each
from training.evaluation.metrics import agreement, bootstrap_interval, mean_ccc, quadrant_accuracy
from training.evaluation.movement import movement
from training.evaluation.predict import AXES, Trajectory, piece_means, scores
from training.evaluation.response import response_time
from training.evaluation.smoothing import fit_smoother, inside_intervals
from training.evaluation.study import Study, study
from training.fitting.recipe import FitRecipe

LONGEST_RESPONSE = 2.15  # seconds of an idealised window; real ones answer a little later
_SETTINGS = {"recipe", "smoothing", "fits"}
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was found.

    Attributes
    ----------
    summary
        Numbers, as JSON.
    results, studies
        What they were drawn from; `studies` of the last seed, a fold each.
    """

    summary: dict[str, Any]
    results: list[FoldResult]
    studies: list[Study]


def evaluate(
    recipe: FitRecipe, pieces: list[Piece], cache: Path, folds: int, seeds: list[int], jobs: int
) -> Evaluation:
    """Cross-validate, climb the ladder on the same folds, study the last seed's networks."""
    results = cross_validate(recipe, pieces, cache, folds, seeds, jobs)
    ladder = climb(recipe, pieces, cache, folds, jobs)
    last = [one for one in results if one.seed == seeds[-1]]
    studies = study(recipe, pieces, last, cache, folds, jobs)
    smoothing = _fitted(studies)
    joins = [join for one in studies for join in one.joins]
    fold_of = fold_of_each(pieces, folds)
    summary = {
        "recipe": recipe.model_dump(mode="json"),
        "front_end_digest": recipe.front_end.digest,
        "folds": {
            dataset: {group: fold for (one, group), fold in fold_of.items() if one == dataset}
            for dataset in recipe.shares
        },
        "fits": [_fit_summary(one) for one in results],
        "smoothing": asdict(smoothing),
        "response_63": {
            "raw": response_time(joins, None),
            "smoothed": response_time(joins, smoothing),
        },
        "scores": {
            dataset: _scores(dataset, results, seeds, ladder[dataset], recipe)
            for dataset in recipe.shares
        },
        "movement": {
            dataset: movement(_dense(dataset, studies), smoothing) for dataset in recipe.datasets
        },
        "coverage": {dataset: _coverage(dataset, studies) for dataset in recipe.datasets},
        "venues": {dataset: _venues(dataset, studies) for dataset in recipe.datasets},
    }
    return Evaluation(summary, results, studies)


def _fit_summary(result: FoldResult) -> dict[str, Any]:
    return {
        "fold": result.fold,
        "seed": result.seed,
        "steps": result.steps,
        "cpu_seconds": round(result.seconds),
        "lag": result.test[0].lag if result.test else 0.0,
    }


def _dense(dataset: str, studies: list[Study]) -> list[Trajectory]:
    return [path for one in studies for path in one.dense if path.piece.dataset == dataset]


def _fitted(studies: list[Study]) -> KalmanSettings:
    return fit_smoother([path for one in studies for path in one.dense], LONGEST_RESPONSE)


def _scores(
    dataset: str,
    results: list[FoldResult],
    seeds: list[int],
    ladder: dict[str, list[Trajectory]],
    recipe: FitRecipe,
) -> dict[str, Any]:
    """Score one data set; of auxiliary sets, whose labels are quadrants, only the signs."""
    by_seed = [[path for one in results if one.seed == seed for path in one.test] for seed in seeds]
    own = [[path for path in paths if path.piece.dataset == dataset] for paths in by_seed]
    pieces = list({path.piece.name: path.piece for path in own[0]}.values())
    estimates = [piece_means(paths)[0] for paths in own]
    labels = piece_means(own[0])[1]
    names, groups = [one.name for one in pieces], [one.group for one in pieces]
    rungs = {name: _aligned(paths, names) for name, paths in ladder.items()}
    table: dict[str, Any] = {
        "quadrant": {
            "damer": _mean_table([quadrant_accuracy(one, labels) for one in estimates]),
            **{name: quadrant_accuracy(one, labels) for name, one in rungs.items()},
        },
        "damer": _mean_table([scores(paths) for paths in own]),
        "by_seed": [scores(paths) for paths in own],
        "ladder": {name: scores(paths) for name, paths in ladder.items()},
        "pieces": {
            name: {
                "label": labels[k].tolist(),
                "damer": [one[k].tolist() for one in estimates],
                **{rung: points[k].tolist() for rung, points in rungs.items()},
            }
            for k, name in enumerate(names)
        },
    }
    if dataset in recipe.datasets:
        table["interval"] = {
            axis: {
                what: bootstrap_interval(partial(mean_ccc, estimates, labels, k), units)
                for what, units in (("pieces", names), ("groups", groups))
            }
            for k, axis in enumerate(AXES)
        }
        table["above"] = {
            name: _above(estimates, points, labels, names, groups) for name, points in rungs.items()
        }
    return table


def _aligned(paths: list[Trajectory], names: list[str]) -> Points:
    """Piece means in the order of `names`, (pieces, 2)."""
    by_name: dict[str, list[Points]] = {}
    for path in paths:
        by_name.setdefault(path.piece.name, []).append(path.settled_mean())
    return np.array([np.mean(by_name[name], axis=0) for name in names])


def _above(
    ours: list[Points], theirs: Points, labels: Points, names: list[str], groups: list[str]
) -> dict[str, Any]:
    """By how much our CCC exceeds theirs, with paired intervals."""

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
    """Mean over seeds of every number of equally built tables."""
    first = tables[0]
    return {
        key: _mean_table([one[key] for one in tables])
        if isinstance(value, dict)
        else float(np.mean([one[key] for one in tables]))
        for key, value in first.items()
    }


def _coverage(dataset: str, studies: list[Study]) -> dict[str, Any]:
    """Share of labels inside the intervals, with an interval over groups.

    Each fold's smoother is fitted to the other folds.
    """
    answer: dict[str, Any] = {}
    for kind in ("raw", "smoothed"):
        inside: dict[str, list[NDArray[np.bool_]]] = {}
        groups: list[str] = []
        for one in studies:
            settings = None
            if kind == "smoothed":
                settings = _fitted([other for other in studies if other is not one])
            for path in one.dense:
                if path.piece.dataset == dataset:
                    groups.append(path.piece.group)
                    for width, hits in inside_intervals(path, settings).items():
                        inside.setdefault(width, []).append(hits)
        answer[kind] = {
            width: {
                axis: _share([piece[:, k] for piece in hits], groups) for k, axis in enumerate(AXES)
            }
            for width, hits in inside.items()
        }
    return answer


def _share(hits: list[NDArray[np.bool_]], groups: list[str]) -> dict[str, Any]:
    counts = np.array([(one.sum(), len(one)) for one in hits], dtype=float)

    def share(rows: NDArray[np.int64]) -> float:
        inside, all_of_them = counts[rows].sum(axis=0)
        return float(inside / all_of_them)

    return {"share": share(np.arange(len(hits))), "groups": bootstrap_interval(share, groups)}


def _venues(dataset: str, studies: list[Study]) -> dict[str, dict[str, float]]:
    """Piece-level CCC by venue and axis."""
    answer = {}
    for name in studies[0].venues:
        paths = [path for one in studies for path in one.venues[name]]
        estimates, labels = piece_means([one for one in paths if one.piece.dataset == dataset])
        answer[name] = {
            axis: agreement(estimates[:, k], labels[:, k]).ccc for k, axis in enumerate(AXES)
        }
    return answer


def write_json(summary: dict[str, Any], path: Path) -> None:
    """Write a summary: found numbers to four decimals, settings whole, null for what has none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        key: json.loads(
            json.dumps(value),
            parse_float=lambda text: round(float(text), 4),
            parse_constant=lambda _: None,
        )
        for key, value in summary.items()
        if key not in _SETTINGS
    }
    text = json.dumps({**summary, **found}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
