"""Plot the results of the benchmarks."""

from typing import Any

from matplotlib.figure import Figure

_OURS, _PEER = "#2166ac", "#bbbbbb"
_STAGES = {
    "capture": "#d9d9d9", "resampler": "#92c5de", "views": "#2166ac", "engine": "#b2182b",
    "smoother": "#f4a582", "network": "#888888",
}  # fmt: skip


def draw_peers(peers: dict[str, Any], accuracy: dict[str, tuple[float, float]]) -> Figure:
    """Draw the cost of an update on a logarithmic axis, and accuracy against cost."""
    there = {name: one for name, one in peers.items() if "missing" not in one}
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    bars, points = figure.subplots(1, 2, width_ratios=[1.5, 1])
    names = list(there)[::-1]
    costs = [there[name]["ms"]["p50"] for name in names]
    bars.barh(names, costs, color=[_OURS if "streamer" in name else _PEER for name in names])
    for name, cost in zip(names, costs, strict=True):
        bars.annotate(f" {cost:.0f}" if cost >= 10 else f" {cost:.2g}", (cost, name), va="center")
    bars.set(xscale="log", xlabel="ms of CPU an update", xlim=(0.05, 6 * max(costs)))
    for name, accuracies in accuracy.items():
        if name in there:
            cost, ours = there[name]["ms"]["p50"], "streamer" in name
            for value, marker in zip(accuracies, "os", strict=True):
                points.scatter(cost, value, marker=marker, color=_OURS if ours else "#777777")
                points.annotate(
                    name.split(":")[0].split()[0], (cost, value), fontsize=8, ha="center",
                    xytext=(0, 6), textcoords="offset points",
                )  # fmt: skip
    points.set(xscale="log", xlabel="ms of CPU an update", ylabel="CCC: ● valence, ■ arousal")
    points.set(xlim=(0.7, 200), ylim=(0.3, 0.95))
    return figure


def draw_stages(stages: dict[str, Any]) -> Figure:
    """Draw the median latency of each stage, for a file and a microphone."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    sources = list(stages)[::-1]
    left_edges = [0.0] * len(sources)
    for name, colour in _STAGES.items():
        widths = [stages[source][name]["p50"] for source in sources]
        axes.barh(sources, widths, left=left_edges, color=colour, label=name)
        left_edges = [a + b for a, b in zip(left_edges, widths, strict=True)]
    axes.set(xlabel="ms from the newest sample of a window to its message")
    axes.legend(ncols=len(_STAGES), fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.35))
    return figure


def draw_zones(zones: dict[str, Any]) -> Figure:
    """Draw CPU and latency against the number of zones on one core."""
    counts = [int(count) for count in zones]
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(counts, [one["cpu_percent"] for one in zones.values()], "o-", color=_OURS)
    left.axhline(100, color="#bbbbbb", linestyle=":")
    left.set(xlabel="zones", ylabel="% of the core", ylim=(0, 110))
    for part, style in (("p50", "o-"), ("p99", "s--")):
        there = {count: one["latency_ms"] for count, one in zones.items() if one["latency_ms"]}
        latencies = [latency[part] for latency in there.values()]
        right.plot(list(map(int, there)), latencies, style, color=_OURS, label=part)
    right.set(xlabel="zones", ylabel="latency, ms", yscale="log")
    right.legend()
    return figure
