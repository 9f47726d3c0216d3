"""An evaluation as one HTML file that needs nothing beside it."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.datasets import Piece
from training.evaluation import figures
from training.evaluation.evaluate import Evaluation
from training.evaluation.page import write_page
from training.evaluation.predict import AXES, Trajectory
from training.evaluation.study import PLAIN
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import windows
from training.sound.features import open_frames

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_SHOWN = 3


def write_report(evaluation: Evaluation, recipe: FitRecipe, cache: Path, path: Path) -> None:
    """Write tables and pictures to `path`."""
    summary = evaluation.summary
    drawn: dict[str, Figure] = {"fits": figures.fits(evaluation.results)}
    for dataset in recipe.datasets:
        table = summary["scores"][dataset]
        dense = [
            one
            for study in evaluation.studies
            for one in study.dense
            if one.piece.dataset == dataset
        ]
        drawn[f"{dataset} ladder"] = figures.ladder(dataset, table)
        drawn[f"{dataset} plane"] = figures.plane(dataset, table)
        drawn[f"{dataset} calibration"] = figures.calibration(dataset, dense)
        ranked = sorted(dense, key=_error)
        if len(ranked[0].piece.times) > 1:
            near = figures.trajectories("Nearest to the labels", ranked[:_SHOWN])
            far = figures.trajectories("Farthest from the labels", ranked[-_SHOWN:])
            drawn |= {f"{dataset} nearest": near, f"{dataset} farthest": far}
        drawn[f"{dataset} attention"] = _attention(ranked[0], evaluation, recipe, cache)
    write_page(
        _TEMPLATE,
        path,
        drawn,
        summary=summary,
        axes=AXES,
        plain=PLAIN,
        classified=_classified,
        folds=len({one.fold for one in evaluation.results}),
        seeds=sorted({one.seed for one in evaluation.results}),
    )


def _classified(table: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """Rows of the table of classes: every rung, then ours."""
    rows = [(name, (one, table["quadrant"][name])) for name, one in table["ladder"].items()]
    return [*rows, ("DAMER", (table["damer"], table["quadrant"]["damer"]))]


def _error(path: Trajectory) -> float:
    return float(np.mean(np.abs(path.mean - path.labels())))


def _same(one: Piece, other: Piece) -> bool:
    return (one.dataset, one.name) == (other.dataset, other.name)


def _attention(path: Trajectory, evaluation: Evaluation, recipe: FitRecipe, cache: Path) -> Figure:
    """Attention over the window in the middle of a piece, by the network that judged it."""
    judge = next(
        one
        for one in reversed(evaluation.results)
        if any(_same(other.piece, path.piece) for other in one.test)
    )
    spec = recipe.front_end
    (rendition,) = open_frames([(path.piece, path.rendering)], spec, cache)
    views = windows(rendition, np.array([len(rendition.frames) // 2]), spec)
    return figures.attention(path.piece.name[:40], judge.network(recipe), *views)
