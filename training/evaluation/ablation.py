"""Ablation: fit without each part in turn, on the same folds, and compare paired.

Seed s is evaluated on fold s, so that each arm evaluates every piece once. All arms but variants
have the same steps, batches and, but for the bands of a view, number of parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets import AXES, Piece
from training.evaluation.cross_validation import FoldResult, Job, run_jobs
from training.fitting.recipe import FitRecipe
from training.fitting.recipe_files import with_overrides
from training.fitting.selection import every_rendition
from training.metrics import agreement, bootstrap_interval, mean_ccc
from training.predict import Trajectory, piece_means, scores
from training.reports import markdown_table
from training.sound.constant_q import compute_constant_q, constant_q_cache

FULL, CONSTANT_Q = "full", "constant-Q for gammatone"
ONE_VIEW = "Mel only", "cochleagram only"
FOLDS = 5
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of an ablation.

    Attributes
    ----------
    name
        What is left out or changed.
    recipe
        Recipe of the arm.
    results
        Results, one a fold.
    """

    name: str
    recipe: FitRecipe
    results: list[FoldResult]

    def trajectories(self, dataset: str) -> list[Trajectory]:
        """Test trajectories of one data set."""
        return [path for one in self.results for path in one.test if path.piece.dataset == dataset]


def ablation_arms(recipe: FitRecipe, variants: Sequence[str] = ()) -> dict[str, FitRecipe]:
    """Build the recipe of each arm; PCL and SAML have arms if the recipe has them.

    Parameters
    ----------
    recipe
        The full recipe.
    variants
        Further arms, each as overrides of the full recipe; see
        `training.fitting.recipe_files.with_overrides`.

    Raises
    ------
    ValueError
        A recipe starts from a student, which was trained with all parts, or has teacher labels; or
        overrides are invalid, or change windows, renderings or data sets.
    """
    concatenated = {"network": replace(recipe.network, fusion="concatenation")}
    changes: dict[str, dict[str, Any]] = {
        FULL: {},
        "without DSAF": concatenated,
        "without PCL": {"pcl": None},
        "without SAML": {"saml": None},
        ONE_VIEW[0]: {"network": replace(recipe.network, views="mel")},
        ONE_VIEW[1]: {"network": replace(recipe.network, views="cochleagram")},
        "all off": {**concatenated, "pcl": None, "saml": None},
    }
    if recipe.pcl is None:
        del changes["without PCL"]
    if recipe.saml is None:
        del changes["without SAML"]
    arms = {name: recipe.model_copy(update=change) for name, change in changes.items()}
    arms |= {variant: with_overrides(recipe, variant) for variant in variants}
    for name, one in arms.items():
        if one.pretrained:
            raise ValueError(
                f"cannot ablate {name}: an ablation starts from scratch; remove `pretrained`"
            )
        if one.teacher_labels:
            raise ValueError(f"cannot ablate {name}: remove `teacher_labels`, which all arms share")
        if _evaluated_on(one) != _evaluated_on(recipe):
            raise ValueError(
                f"cannot compare {name}: window, renderings and data sets must be those of all arms"
            )
    return arms


def _evaluated_on(recipe: FitRecipe) -> tuple[object, ...]:
    return recipe.front_end, recipe.renderings, recipe.datasets


def ablate(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    processes: int,
    variants: Sequence[str] = (),
) -> list[Arm]:
    """Fit every arm, and one more with a constant-Q transform; finished fits are cached.

    Parameters
    ----------
    recipe, variants
        As for `ablation_arms`.
    pieces
        Pieces of all data sets of the arms.
    cache
        Folder of features and results.
    processes
        Fits to run at a time.
    """
    arms = [(name, one, cache) for name, one in ablation_arms(recipe, variants).items()]
    renditions = every_rendition(recipe, pieces_of(recipe, pieces))
    compute_constant_q(renditions, recipe.front_end, cache)
    arms.append((CONSTANT_Q, recipe, constant_q_cache(cache)))
    jobs = [
        Job(recipe=one, pieces=pieces_of(one, pieces), cache=at, folds=FOLDS, fold=fold, seed=fold)
        for fold in range(FOLDS)
        for _, one, at in arms
    ]
    results = run_jobs(jobs, processes)
    return [Arm(name, one, results[k :: len(arms)]) for k, (name, one, _) in enumerate(arms)]


def pieces_of(recipe: FitRecipe, pieces: list[Piece]) -> list[Piece]:
    """Pieces of the data sets of a recipe."""
    return [piece for piece in pieces if piece.dataset in recipe.all_datasets]


def summarise(arms: list[Arm], datasets: list[str], reference: str = FULL) -> dict[str, Any]:
    """Score every arm, and the difference of the reference to it, with paired intervals."""
    reference_arm = next(arm for arm in arms if arm.name == reference)
    return {
        dataset: {arm.name: _compare(reference_arm, arm, dataset) for arm in arms}
        for dataset in datasets
    }


def _compare(reference: Arm, arm: Arm, dataset: str) -> dict[str, Any]:
    ours, labels, names, groups = _points(reference.trajectories(dataset))
    theirs, *_ = _points(arm.trajectories(dataset))
    within = scores(arm.trajectories(dataset))
    table = {}
    for k, axis in enumerate(AXES):

        def gain(rows: NDArray[np.int64], axis: int = k) -> float:
            return mean_ccc([ours], labels, axis, rows) - mean_ccc([theirs], labels, axis, rows)

        table[axis] = {
            "ccc": agreement(theirs[:, k], labels[:, k]).ccc,
            "interval": bootstrap_interval(partial(mean_ccc, [theirs], labels, k), names),
            "within_piece_r": within[axis]["within_piece_r"],
            "reference_is_above": gain(np.arange(len(names))),
            "pieces": bootstrap_interval(gain, names),
            "groups": bootstrap_interval(gain, groups),
        }
    return table


def _points(trajectories: list[Trajectory]) -> tuple[Points, Points, list[str], list[str]]:
    """Predictions and labels of pieces sorted by name, (pieces, 2), with names and groups."""
    pieces = {path.piece.name: path.piece for path in trajectories}
    order = np.argsort(list(pieces))
    predictions, labels = piece_means(trajectories)
    names = sorted(pieces)
    return predictions[order], labels[order], names, [pieces[name].group for name in names]


def compare_views_by_style(arms: list[Arm], dataset: str) -> dict[str, Any]:
    """Compare the mean errors of the one-view arms by style, with intervals of the difference.

    The interval is over groups; a style of one group has none.
    """
    by_name = {arm.name: arm.trajectories(dataset) for arm in arms}
    points = [_points(by_name[name]) for name in ONE_VIEW]
    errors = [np.abs(predictions - labels) for predictions, labels, *_ in points]
    _, _, names, groups = points[0]
    style_of = {path.piece.name: path.piece.style for path in by_name[FULL]}
    styles = np.array([style_of[name] for name in names])
    table: dict[str, Any] = {}
    for style in np.unique(styles):
        mel, cochleagram = (error[styles == style] for error in errors)
        own_groups = [groups[k] for k in np.flatnonzero(styles == style)]
        table[str(style)] = {"pieces": len(mel), "groups": len(set(own_groups))}
        for k, axis in enumerate(AXES):
            table[str(style)][axis] = {
                "mel": float(mel[:, k].mean()),
                "cochleagram": float(cochleagram[:, k].mean()),
                "interval": _interval_over_groups(mel[:, k] - cochleagram[:, k], own_groups),
            }
    return table


def _interval_over_groups(values: Points, groups: list[str]) -> tuple[float, float] | None:
    if len(set(groups)) < 2:
        return None
    return bootstrap_interval(lambda rows: float(values[rows].mean()), groups)


def markdown(summary: dict[str, Any], reference: str = FULL) -> str:
    """Format the summary of an ablation as a Markdown table."""
    rows = []
    for dataset, arms in summary.items():
        for axis in AXES:
            for name, table in arms.items():
                one = table[axis]
                above = ["", "", ""]
                if name != reference:
                    intervals = [_interval(one[units], "+.3f") for units in ("pieces", "groups")]
                    above = [f"{one['reference_is_above']:+.3f}", *intervals]
                ccc, within = f"{one['ccc']:.3f}", one["within_piece_r"]
                rows.append(
                    [
                        *(dataset, axis, name, ccc, _interval(one["interval"], ".2f")),
                        "-" if np.isnan(within) else f"{within:.2f}",
                        *above,
                    ]
                )
    head = ["data set", "axis", "arm", "CCC", "over pieces", "within r"]
    return markdown_table([*head, f"{reference} is above by", "pieces", "groups"], rows)


def _interval(pair: tuple[float, float], style: str) -> str:
    return f"{pair[0]:{style}} to {pair[1]:{style}}"
