"""Tables of an evaluation, as Markdown."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.judging.metrics import bootstrap_interval, mean_ccc
from training.judging.predict import AXES

Rows = NDArray[np.int64]
Points = NDArray[np.float64]
_RIVAL = "mel statistics + SVR"

_COLUMNS = ("ccc", "r2", "rmse", "r")


def scores_table(evaluation: dict[str, Any], baselines: dict[str, Any]) -> str:
    """Tabulate the network beside the baselines, a row for each data set, axis and model.

    The last column is the mean r of the trajectory with its labels inside each piece.
    """
    lines = [
        "| data set | axis | model | CCC | 95 % over pieces | over groups | R2 | RMSE | r | in |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset, table in evaluation["scores"].items():
        for axis in AXES:
            ours = table["mean_over_seeds"][axis]
            inside = ours["within_piece_r"]
            cells = [
                f"**{ours['ccc']:.2f}**",
                *(
                    "{:.2f} to {:.2f}".format(*table[f"ccc_interval_over_{what}"][axis])
                    for what in ("pieces", "groups")
                ),
                *(f"{ours[name]:.2f}" for name in _COLUMNS[1:]),
                "-" if inside is None else f"{inside:.2f}",
            ]
            lines.append(f"| {dataset} | {axis} | **DAMER** | {' | '.join(cells)} |")
            for name, scores in baselines[dataset].items():
                ccc, *others = (f"{scores[axis][column]:.2f}" for column in _COLUMNS)
                lines.append(
                    f"| {dataset} | {axis} | {name} | {ccc} | - | - | {' | '.join(others)} | - |"
                )
    return "\n".join(lines)


def differences_table(evaluation: dict[str, Any], baselines: dict[str, Any]) -> str:
    """Tabulate by how much the network's CCC exceeds the SVR's, paired over pieces."""
    lines = ["| data set | axis | CCC above the SVR | 95 % over pieces |", "|---|---|---|---|"]
    for dataset, table in evaluation["scores"].items():
        names = list(table["pieces"])
        entries = table["pieces"].values()
        labels = np.array([entry["label"] for entry in entries])
        ours = list(np.array([entry["by_seed"] for entry in entries]).swapaxes(0, 1))
        svr = [np.array([baselines[dataset][_RIVAL]["pieces"][name] for name in names])]

        above = partial(_above, ours, svr, labels)
        for k, axis in enumerate(AXES):
            low, high = bootstrap_interval(partial(above, k), names)
            gain = above(k, np.arange(len(names)))
            lines.append(f"| {dataset} | {axis} | {gain:+.3f} | {low:+.3f} to {high:+.3f} |")
    return "\n".join(lines)


def _above(
    ours: list[Points], theirs: list[Points], labels: Points, axis: int, rows: Rows
) -> float:
    return mean_ccc(ours, labels, axis, rows) - mean_ccc(theirs, labels, axis, rows)


def fits_table(evaluation: dict[str, Any]) -> str:
    """Tabulate seeds: CCC by data set and axis of each, to show their spread."""
    lines = ["| data set | axis | CCC of each seed |", "|---|---|---|"]
    for dataset, table in evaluation["scores"].items():
        for axis in AXES:
            values = ", ".join(f"{one[axis]['ccc']:.3f}" for one in table["by_seed"])
            lines.append(f"| {dataset} | {axis} | {values} |")
    return "\n".join(lines)


def coverage_table(evaluation: dict[str, Any]) -> str:
    """Tabulate how many labels lie inside the stated intervals, valence / arousal."""
    lines = ["| data set | estimates | 80 % interval | 95 % interval |", "|---|---|---|---|"]
    for dataset, table in evaluation["scores"].items():
        for name, key in (("raw", "coverage_raw"), ("smoothed", "coverage_smoothed")):
            cells = " | ".join(" / ".join(f"{x:.2f}" for x in table[key][w]) for w in ("80", "95"))
            lines.append(f"| {dataset} | {name} | {cells} |")
    return "\n".join(lines)
