"""Leave one data set out: fit to the others, evaluate on all of it, beside baselines.

This measures generalisation to music and raters that the network was not trained on.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets import AXES, Piece
from training.evaluation.baselines import evaluate_baselines
from training.evaluation.cross_validation import FoldResult, Job, run_jobs
from training.fitting.recipe import FitRecipe
from training.metrics import agreement, bootstrap_interval
from training.predict import Trajectory, piece_means
from training.reports import markdown_table
from training.sound.published import PublishedModels

Points = NDArray[np.float64]
Table = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""Scores by data set, axis and model."""


def leave_one_out(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    seeds: list[int],
    jobs: int,
    published: PublishedModels | None = None,
    also: tuple[str, ...] = (),
) -> Table:
    """Fit without each data set in turn, and evaluate on it.

    Parameters
    ----------
    recipe, pieces, cache
        Recipe, pieces of its data sets and of `also`, folder of computed features and results.
    seeds
        Seeds of the fits.
    jobs
        Fits to run at a time.
    published
        Published networks. Default: baselines with them are left out.
    also
        Further data sets to evaluate, which the recipe does not fit to. Default: none.

    Returns
    -------
    Table
        By data set, axis and model ("damer" or a baseline) `r`, the Pearson correlation over
        pieces, its 95 % bootstrap `interval` over groups, and `ccc`; ours are means over seeds.
    """
    names = [*recipe.datasets, *also]
    shared: dict[str, Any] = {
        "recipe": recipe,
        "pieces": pieces,
        "cache": cache,
        "published": published,
    }
    queue = [
        Job(**shared, folds=len(names), fold=k, seed=seed, left_out=name)
        for k, name in enumerate(names)
        for seed in seeds
    ]
    results = run_jobs(queue, jobs)
    evaluated = recipe.model_copy(update={"datasets": dict.fromkeys(names, 1.0), "auxiliary": {}})
    labelled = [piece for piece in pieces if piece.dataset in names]
    fold_of = {(piece.dataset, piece.group): names.index(piece.dataset) for piece in labelled}
    baselines = evaluate_baselines(
        evaluated, labelled, cache, fold_of, jobs, published, joint_only=True, only_evaluated=also
    )
    return {
        name: _scores([one for one in results if one.fold == k], baselines.get(name, {}))
        for k, name in enumerate(names)
    }


def _scores(
    results: list[FoldResult], baselines: dict[str, list[Trajectory]]
) -> dict[str, dict[str, dict[str, Any]]]:
    models = {"damer": [one.test for one in results]}
    models |= {name: [paths] for name, paths in baselines.items()}
    return {
        axis: {name: _score(paths, k) for name, paths in models.items()}
        for k, axis in enumerate(AXES)
    }


def _score(seeds: list[list[Trajectory]], axis: int) -> dict[str, Any]:
    """Score the predictions of each seed on one axis; return the means."""
    pieces = {one.piece.name: one.piece for one in seeds[0]}
    predictions = [piece_means(paths)[0][:, axis] for paths in seeds]
    labels = piece_means(seeds[0])[1][:, axis]

    def mean_of(measure: str, rows: NDArray[np.int64]) -> float:
        scores = [agreement(one[rows], labels[rows]).as_dict() for one in predictions]
        return float(np.mean([one[measure] for one in scores]))

    everything = np.arange(len(labels))
    groups = [piece.group for piece in pieces.values()]
    return {
        "r": mean_of("r", everything),
        "interval": bootstrap_interval(partial(mean_of, "r"), groups),
        "ccc": mean_of("ccc", everything),
    }


def markdown(table: Table) -> str:
    """Format as a Markdown table."""
    rows = []
    for dataset, axes in table.items():
        for axis, models in axes.items():
            for name, one in models.items():
                title = "**DAMER**" if name == "damer" else name
                interval = "{:.2f} to {:.2f}".format(*one["interval"])
                rows.append(
                    [dataset, axis, title, f"{one['r']:.2f}", interval, f"{one['ccc']:.2f}"]
                )
    return markdown_table(("data set left out", "axis", "model", "r", "over groups", "CCC"), rows)
