"""HTML report of an evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.datasets import AXES, Piece
from training.evaluation import figures
from training.evaluation.diagnostics import PLAIN
from training.evaluation.evaluate import Evaluation
from training.fitting.recipe import FitRecipe
from training.predict import Trajectory
from training.reports import write_page
from training.sound.feature_cache import load_renditions
from training.sound.renditions import cut_windows

_TEMPLATE = Path(__file__).with_name("evaluation_report.html.j2")
_EXAMPLES = 3


def write_evaluation_report(
    evaluation: Evaluation, recipe: FitRecipe, cache: Path, path: Path
) -> None:
    """Write tables and figures as one self-contained HTML file."""
    summary = evaluation.summary
    drawn: dict[str, Figure] = {"fits": figures.fits(evaluation.results)}
    for dataset in recipe.datasets:
        table = summary["scores"][dataset]
        dense = [
            one
            for fold in evaluation.diagnostics
            for one in fold.dense
            if one.piece.dataset == dataset
        ]
        drawn[f"{dataset} ladder"] = figures.score_bars(dataset, table)
        drawn[f"{dataset} plane"] = figures.plane(dataset, table)
        drawn[f"{dataset} calibration"] = figures.calibration(dataset, dense)
        ranked = sorted(dense, key=_mean_error)
        if len(ranked[0].piece.times) > 1:
            near = figures.trajectories("Nearest to the labels", ranked[:_EXAMPLES])
            far = figures.trajectories("Farthest from the labels", ranked[-_EXAMPLES:])
            drawn |= {f"{dataset} nearest": near, f"{dataset} farthest": far}
        drawn[f"{dataset} attention"] = _attention(ranked[0], evaluation, recipe, cache)
    write_page(
        _TEMPLATE,
        path,
        drawn,
        summary=summary,
        axes=AXES,
        plain=PLAIN,
        classified=_classification_rows,
        folds=len({one.fold for one in evaluation.results}),
        seeds=sorted({one.seed for one in evaluation.results}),
    )


def _classification_rows(table: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """Rows of the classification table: every baseline, then DAMER."""
    rows = [(name, (one, table["quadrant"][name])) for name, one in table["ladder"].items()]
    return [*rows, ("DAMER", (table["damer"], table["quadrant"]["damer"]))]


def _mean_error(path: Trajectory) -> float:
    return float(np.mean(np.abs(path.mean - path.labels())))


def _same_piece(one: Piece, other: Piece) -> bool:
    return (one.dataset, one.name) == (other.dataset, other.name)


def _attention(path: Trajectory, evaluation: Evaluation, recipe: FitRecipe, cache: Path) -> Figure:
    """Attention in the middle window of a piece, by the network that evaluated it."""
    result = next(
        one
        for one in reversed(evaluation.results)
        if any(_same_piece(other.piece, path.piece) for other in one.test)
    )
    spec = recipe.front_end
    (rendition,) = load_renditions([(path.piece, path.rendering)], spec, cache)
    views = cut_windows(rendition, np.array([len(rendition.frames) // 2]), spec)
    return figures.attention(path.piece.name[:40], result.network(recipe), *views)
