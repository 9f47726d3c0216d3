"""Format the summary of an evaluation as Markdown tables, for the model card."""

from typing import Any

from training.datasets import AXES
from training.evaluation.diagnostics import PLAIN
from training.reports import markdown_table


def markdown(summary: dict[str, Any]) -> str:
    """Format all tables of a summary that `evaluate` wrote as JSON."""
    parts = [
        _headline(summary),
        _scores(summary),
        _gains(summary),
        _seeds(summary),
        _classification(summary),
        _within_pieces(summary),
        _coverage(summary),
        _venues(summary),
    ]
    response = summary["response_63"]
    if response["smoothed"] is not None:
        parts.append(
            f"63 % response: {response['smoothed']:.1f} s smoothed, {response['raw']:.1f} s raw."
        )
    return "\n\n".join(part for part in parts if part)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(pair: list[float], digits: int = 2, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return " to ".join(f"{end:{sign}.{digits}f}" for end in pair)


def _headline(summary: dict[str, Any]) -> str:
    """Mean over data sets; evaluations stored before 0.2 have none."""
    rows = [
        ["**DAMER**" if name == "damer" else name, *(_number(means[axis]) for axis in AXES)]
        for name, means in summary.get("headline", {}).items()
    ]
    heads = ["mean over data sets", *(f"{axis} CCC" for axis in AXES)]
    return markdown_table(heads, rows) if rows else ""


def _scores(summary: dict[str, Any]) -> str:
    rows = []
    for dataset in summary["recipe"]["datasets"]:
        table = summary["scores"][dataset]
        for axis in AXES:
            for name, scores in {"**DAMER**": table["damer"], **table["ladder"]}.items():
                one = scores[axis]
                intervals = ["", ""]
                if name == "**DAMER**":
                    intervals = [
                        _interval(table["interval"][axis][w]) for w in ("pieces", "groups")
                    ]
                rows.append(
                    [dataset, axis, name, _number(one["ccc"]), *intervals]
                    + [_number(one[key]) for key in ("r2", "rmse", "r", "within_piece_r")]
                    + [_number(one["within_piece_ccc"])]
                )
    head = "data set, axis, model, CCC, over pieces, over groups, R2, RMSE, r, within r, within CCC"
    return markdown_table(head.split(", "), rows)


def _gains(summary: dict[str, Any]) -> str:
    rows = []
    for dataset in summary["recipe"]["datasets"]:
        for name, axes in summary["scores"][dataset]["above"].items():
            for axis in AXES:
                one = axes[axis]
                intervals = [_interval(one[w], 3, signed=True) for w in ("pieces", "groups")]
                rows.append([dataset, axis, name, f"{one['gain']:+.3f}", *intervals])
    return markdown_table(
        ("data set", "axis", "baseline", "our CCC is above by", "over pieces", "over groups"), rows
    )


def _seeds(summary: dict[str, Any]) -> str:
    rows = [
        [dataset, axis, ", ".join(_number(one[axis]["ccc"], 3) for one in table["by_seed"])]
        for dataset, table in summary["scores"].items()
        if dataset in summary["recipe"]["datasets"]
        for axis in AXES
    ]
    return markdown_table(("data set", "axis", "CCC of each seed"), rows)


def _classification(summary: dict[str, Any]) -> str:
    rows = []
    for dataset, table in summary["scores"].items():
        for name, scores in {"**DAMER**": table["damer"], **table["ladder"]}.items():
            quadrant = table["quadrant"]["damer" if name == "**DAMER**" else name]
            cells = [
                " / ".join(_number(scores[axis][key]) for axis in AXES)
                for key in ("accuracy", "macro_f1", "auc", "majority")
            ]
            cells += [_number(quadrant["accuracy"]), _number(quadrant["majority"])]
            rows.append([dataset, name, *cells])
    signs = [f"{name}, valence / arousal" for name in ("accuracy", "macro-F1", "AUC", "majority")]
    return markdown_table(["data set", "model", *signs, "quadrant", "majority"], rows)


def _within_pieces(summary: dict[str, Any]) -> str:
    moving = {dataset: table for dataset, table in summary["movement"].items() if table}
    if not moving:
        return ""
    rows = [
        [dataset, axis, *(_number(one[axis]) for one in table.values())]
        for dataset, table in moving.items()
        for axis in AXES
    ]
    return markdown_table(("data set", "axis", *next(iter(moving.values()))), rows)


def _coverage(summary: dict[str, Any]) -> str:
    rows = []
    for dataset, kinds in summary["coverage"].items():
        for kind, widths in kinds.items():
            cells = [
                f"{widths[width][axis]['share']:.2f} ({_interval(widths[width][axis]['groups'])})"
                for axis in AXES
                for width in ("80", "95")
            ]
            rows.append([dataset, kind, *cells])
    heads = [f"{axis}, {width} %" for axis in AXES for width in ("80", "95")]
    return markdown_table(("data set", "estimates", *heads), rows)


def _venues(summary: dict[str, Any]) -> str:
    rows = []
    for dataset, venues in summary["venues"].items():
        for name, values in venues.items():
            plain = venues[PLAIN]
            cells = [f"{values[axis]:.2f} ({values[axis] - plain[axis]:+.2f})" for axis in AXES]
            rows.append([dataset, name, *cells])
    return markdown_table(("data set", "sound", "valence CCC", "arousal CCC"), rows)
