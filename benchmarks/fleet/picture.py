"""Plot the results of the fleet load test."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

_COLOURS, _LIMIT = ("#2166ac", "#888888", "#f4a582"), "#b2182b"


def draw_fleet(sizes: Sequence[dict[str, Any]]) -> Figure:
    """Plot messages/s and latency against the number of nodes; sizes at a limit are hollow."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    different = sorted({one["readers"] for one in sizes})
    for readers, colour in zip(different, _COLOURS, strict=False):
        selected = [one for one in sizes if one["readers"] == readers and one["latency_ms"]]
        counts = [one["nodes"] for one in selected]
        words = f", {readers} readers" if len(different) > 1 else ""
        messages = [(one["published_per_s"] + one["delivered_per_s"]) / 1e3 for one in selected]
        left.plot(counts, messages, "o-", color=colour)
        for part, style in (("p50", "o-"), ("p99", "s--")):
            latencies = [one["latency_ms"][part] for one in selected]
            right.plot(counts, latencies, style, color=colour, label=f"{part}{words}")
        for one, message in zip(selected, messages, strict=True):
            if one["limit"]:
                left.plot(
                    one["nodes"], message, "o", color="white", markeredgecolor=_LIMIT, zorder=3
                )
                left.annotate(
                    f"the {one['limit']}'s limit", (one["nodes"], message), fontsize=8, ha="right",
                    xytext=(-10, -3), textcoords="offset points", color=_LIMIT,
                )  # fmt: skip
    left.set(xlabel="nodes", ylabel="1000 messages/s, in and out", ylim=0)
    right.set(xlabel="nodes", ylabel="latency of va, ms", yscale="log")
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_formatter(NullFormatter())
    right.set_ylim(0.1, max(10.0, right.get_ylim()[1]))
    right.legend(fontsize=8)
    return figure
