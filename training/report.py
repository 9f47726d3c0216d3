"""Tables of an evaluation, as Markdown."""

from typing import Any

from training.predict import AXES

_COLUMNS = ("ccc", "r2", "rmse", "r")


def scores_table(evaluation: dict[str, Any], baselines: dict[str, Any]) -> str:
    """Tabulate the network beside the baselines, a row for each data set, axis and model."""
    lines = [
        "| data set | axis | model | CCC (95 % over pieces) | R2 | RMSE | r | within-piece r |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for dataset, table in evaluation["scores"].items():
        for axis in AXES:
            ours = table["mean_over_seeds"][axis]
            low, high = table["ccc_interval_over_pieces"][axis]
            inside = ours["within_piece_r"]
            last = "-" if inside is None else f"{inside:.2f}"
            numbers = " | ".join(f"{ours[name]:.2f}" for name in _COLUMNS[1:])
            lines.append(
                f"| {dataset} | {axis} | **DAMER** "
                f"| **{ours['ccc']:.2f}** ({low:.2f} to {high:.2f})"
                f" | {numbers} | {last} |"
            )
            for name, scores in baselines[dataset].items():
                numbers = " | ".join(f"{scores[axis][column]:.2f}" for column in _COLUMNS)
                lines.append(f"| {dataset} | {axis} | {name} | {numbers} | - |")
    return "\n".join(lines)


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
