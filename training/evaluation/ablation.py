"""What each part is worth: the same fit without it, on the same folds, paired.

Seed s is judged on fold s, so that every piece is judged once by each arm. All arms
but variants have the same steps, batches and, but for the bands of a view, number of parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets import Piece
from training.evaluation.crossval import FoldResult, Job, everything, run_jobs
from training.evaluation.metrics import agreement, bootstrap_interval, mean_ccc
from training.evaluation.predict import AXES, Trajectory, piece_means, scores
from training.evaluation.tables import markdown_table
from training.fitting.recipe import FitRecipe, changed
from training.sound.constant_q import constant_q_cache, hear_constant_q

FULL, CONSTANT_Q = "full", "constant-Q for gammatone"
ONE_VIEW = "Mel only", "cochleagram only"
FOLDS = 5
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to fit.

    Attributes
    ----------
    name
        What is left out, or changed.
    recipe
        How it is fitted.
    results
        A fold each.
    """

    name: str
    recipe: FitRecipe
    results: list[FoldResult]

    def paths(self, dataset: str) -> list[Trajectory]:
        """Give the test trajectories of one data set."""
        return [path for one in self.results for path in one.test if path.piece.dataset == dataset]


def arms_of(recipe: FitRecipe, variants: Sequence[str] = ()) -> dict[str, FitRecipe]:
    """Give the recipe of each arm; PCL and SAML are left out where the recipe has them.

    Parameters
    ----------
    recipe
        The full one.
    variants
        Other arms, each as changes of the full one; see `training.fitting.recipe.changed`.

    Raises
    ------
    ValueError
        A recipe begins with a student, which has learnt with all parts; or a change is wrong, or
        changes what is heard or judged.
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
    arms |= {variant: changed(recipe, variant) for variant in variants}
    for name, one in arms.items():
        if one.pretrained:
            raise ValueError(f"{name}: an ablation begins from scratch, without `pretrained`")
        if _judged(one) != _judged(recipe):
            raise ValueError(f"{name}: window, renderings and data sets are those of all arms")
    return arms


def _judged(recipe: FitRecipe) -> tuple[object, ...]:
    return recipe.front_end, recipe.renderings, recipe.datasets


def ablate(
    recipe: FitRecipe,
    pieces: list[Piece],
    cache: Path,
    processes: int,
    variants: Sequence[str] = (),
) -> list[Arm]:
    """Fit every arm; finished fits are kept in the cache.

    One more arm is the full one with a constant-Q transform in the place of the gammatone.
    """
    arms = [(name, one, cache) for name, one in arms_of(recipe, variants).items()]
    hear_constant_q(everything(recipe, heard_by(recipe, pieces)), recipe.front_end, cache)
    arms.append((CONSTANT_Q, recipe, constant_q_cache(cache)))
    work = [
        Job(recipe=one, pieces=heard_by(one, pieces), cache=at, folds=FOLDS, fold=fold, seed=fold)
        for fold in range(FOLDS)
        for _, one, at in arms
    ]
    results = run_jobs(work, processes)
    return [Arm(name, one, results[k :: len(arms)]) for k, (name, one, _) in enumerate(arms)]


def heard_by(recipe: FitRecipe, pieces: list[Piece]) -> list[Piece]:
    """Give the pieces of the data sets that a recipe names."""
    return [piece for piece in pieces if piece.dataset in recipe.music]


def summarise(arms: list[Arm], datasets: list[str], reference: str = FULL) -> dict[str, Any]:
    """Score every arm, and by how much the reference is above it, with paired intervals."""
    compared = next(arm for arm in arms if arm.name == reference)
    return {
        dataset: {arm.name: _compare(compared, arm, dataset) for arm in arms}
        for dataset in datasets
    }


def _compare(reference: Arm, arm: Arm, dataset: str) -> dict[str, Any]:
    ours, labels, names, groups = _points(reference.paths(dataset))
    theirs, *_ = _points(arm.paths(dataset))
    within = scores(arm.paths(dataset))
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


def _points(paths: list[Trajectory]) -> tuple[Points, Points, list[str], list[str]]:
    """Estimates and labels of the pieces by name, (pieces, 2), with names and groups."""
    pieces = {path.piece.name: path.piece for path in paths}
    order = np.argsort(list(pieces))
    estimates, labels = piece_means(paths)
    names = sorted(pieces)
    return estimates[order], labels[order], names, [pieces[name].group for name in names]


def where_views_differ(arms: list[Arm], dataset: str) -> dict[str, Any]:
    """Compare what each view hears alone, by style: mean errors, and the difference's interval.

    The interval is over groups; a style of one group, which one fit has judged, has none.
    """
    by_name = {arm.name: arm.paths(dataset) for arm in arms}
    points = [_points(by_name[name]) for name in ONE_VIEW]
    errors = [np.abs(estimates - labels) for estimates, labels, *_ in points]
    _, _, names, groups = points[0]
    style_of = {path.piece.name: path.piece.style for path in by_name[FULL]}
    styles = np.array([style_of[name] for name in names])
    table: dict[str, Any] = {}
    for style in np.unique(styles):
        mel, cochleagram = (error[styles == style] for error in errors)
        units = [groups[k] for k in np.flatnonzero(styles == style)]
        table[str(style)] = {"pieces": len(mel), "groups": len(set(units))}
        for k, axis in enumerate(AXES):
            apart = mel[:, k] - cochleagram[:, k]
            table[str(style)][axis] = {
                "mel": float(mel[:, k].mean()),
                "cochleagram": float(cochleagram[:, k].mean()),
                "interval": _over_groups(apart, units),
            }
    return table


def _over_groups(values: Points, groups: list[str]) -> tuple[float, float] | None:
    return bootstrap_interval(partial(_mean, values), groups) if len(set(groups)) > 1 else None


def _mean(values: Points, rows: NDArray[np.int64]) -> float:
    return float(values[rows].mean())


def markdown(summary: dict[str, Any], reference: str = FULL) -> str:
    """Write the table of an ablation in Markdown."""
    rows = []
    for dataset, arms in summary.items():
        for axis in AXES:
            for name, table in arms.items():
                one = table[axis]
                above = ["", "", ""]
                if name != reference:
                    spans = [_span(one[units], "+.3f") for units in ("pieces", "groups")]
                    above = [f"{one['reference_is_above']:+.3f}", *spans]
                within = one["within_piece_r"]
                rows.append(
                    [
                        *(dataset, axis, name, f"{one['ccc']:.3f}", _span(one["interval"], ".2f")),
                        "-" if np.isnan(within) else f"{within:.2f}",
                        *above,
                    ]
                )
    head = ["data set", "axis", "arm", "CCC", "over pieces", "within r"]
    return markdown_table([*head, f"{reference} is above by", "pieces", "groups"], rows)


def _span(pair: tuple[float, float], how: str) -> str:
    return f"{pair[0]:{how}} to {pair[1]:{how}}"
