"""Compare two evaluations, paired over the pieces that both evaluated."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets import AXES
from training.metrics import bootstrap_interval, mean_ccc
from training.reports import markdown_table

Points = NDArray[np.float64]


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Format two summaries of `evaluate` as a Markdown table.

    It has the CCC over pieces, averaged over the seeds that both have, and the difference with its
    95 % interval over pieces.

    Raises
    ------
    ValueError
        One is not a summary, they have no piece in common, or labels differ.
    """
    if not all(
        isinstance(one, dict) and {"recipe", "scores"} <= one.keys() for one in (before, after)
    ):
        raise ValueError("cannot compare: a file was not written by `evaluate`")
    rows = []
    for dataset in before["recipe"]["datasets"]:
        if dataset not in after["recipe"]["datasets"]:
            continue
        old, new = (one["scores"][dataset]["pieces"] for one in (before, after))
        names = sorted(old.keys() & new.keys())
        if not names:
            continue
        labels = _array([old[name]["label"] for name in names])
        if not np.allclose(labels, _array([new[name]["label"] for name in names]), atol=1e-3):
            raise ValueError(f"cannot compare: the labels of {dataset} differ between the two")
        seeds = min(len(one[names[0]]["damer"]) for one in (old, new))
        earlier, later = (
            [_array([one[name]["damer"][seed] for name in names]) for seed in range(seeds)]
            for one in (old, new)
        )
        for k, axis in enumerate(AXES):
            cells = _comparison(earlier, later, labels, k, names)
            rows.append([dataset, axis, *cells, str(len(names)), str(seeds)])
    if not rows:
        raise ValueError("cannot compare: the two evaluations have no piece in common")
    head = "data set, axis, before, after, difference, over pieces, pieces, seeds"
    return markdown_table(head.split(", "), rows)


def _comparison(
    old: list[Points], new: list[Points], labels: Points, axis: int, names: list[str]
) -> tuple[str, ...]:
    """CCC of both (one array a seed), their difference and its interval."""

    def gain(rows: NDArray[np.int64]) -> float:
        return mean_ccc(new, labels, axis, rows) - mean_ccc(old, labels, axis, rows)

    all_rows = np.arange(len(names))
    scores = (f"{mean_ccc(one, labels, axis, all_rows):.3f}" for one in (old, new))
    low, high = bootstrap_interval(gain, names)
    return (*scores, f"{gain(all_rows):+.3f}", f"{low:+.3f} to {high:+.3f}")


def _array(values: list[Any]) -> Points:
    return np.array(values, dtype=np.float64)
