"""Two evaluations side by side, paired over the pieces that both have judged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import bootstrap_interval, mean_ccc
from training.evaluation.predict import AXES
from training.evaluation.tables import markdown_table

Points = NDArray[np.float64]


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Write a table in Markdown of what `evaluate` wrote of two recipes.

    CCC over pieces, the mean over the seeds that both have, and the difference with its 95 %
    interval over pieces.

    Raises
    ------
    ValueError
        One is something else, they have no piece in common, or its labels differ.
    """
    if not all(
        isinstance(one, dict) and {"recipe", "scores"} <= one.keys() for one in (before, after)
    ):
        raise ValueError("this is not what `evaluate` wrote")
    rows = []
    for dataset in before["recipe"]["datasets"]:
        if dataset not in after["recipe"]["datasets"]:
            continue
        old, new = (one["scores"][dataset]["pieces"] for one in (before, after))
        names = sorted(old.keys() & new.keys())
        if not names:
            continue
        labels = _column([old[name]["label"] for name in names])
        if not np.allclose(labels, _column([new[name]["label"] for name in names]), atol=1e-3):
            raise ValueError(f"the labels of {dataset} differ: the two were not judged alike")
        seeds = min(len(one[names[0]]["damer"]) for one in (old, new))
        earlier, later = (
            [_column([one[name]["damer"][seed] for name in names]) for seed in range(seeds)]
            for one in (old, new)
        )
        for k, axis in enumerate(AXES):
            cells = _side_by_side(earlier, later, labels, k, names)
            rows.append([dataset, axis, *cells, str(len(names)), str(seeds)])
    if not rows:
        raise ValueError("the two evaluations have no piece in common")
    head = "data set, axis, before, after, difference, over pieces, pieces, seeds"
    return markdown_table(head.split(", "), rows)


def _side_by_side(
    old: list[Points], new: list[Points], labels: Points, axis: int, names: list[str]
) -> tuple[str, ...]:
    """CCC of both, a seed each in the lists, the difference and its interval."""

    def gain(rows: NDArray[np.int64]) -> float:
        return mean_ccc(new, labels, axis, rows) - mean_ccc(old, labels, axis, rows)

    every = np.arange(len(names))
    scores = (f"{mean_ccc(one, labels, axis, every):.3f}" for one in (old, new))
    low, high = bootstrap_interval(gain, names)
    return (*scores, f"{gain(every):+.3f}", f"{low:+.3f} to {high:+.3f}")


def _column(values: list[Any]) -> Points:
    return np.array(values, dtype=np.float64)
