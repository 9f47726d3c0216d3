"""Plot a run: estimates of each zone during the faults."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tests.faults.catalogue import ALL
from tests.faults.measure import Outcome, Resources
from tests.faults.observer import Observer

_BROKEN, _WHOLE, _GREY = "#d95f4b", "#2b6f77", "#555555"


def draw(
    path: Path, outcomes: list[Outcome], resources: Resources, observer: Observer, started: float
) -> None:
    """Write a PNG: estimates per second of each zone with its faults, memory below."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        rows = figure.subplots(len(ALL) + 1, 1, sharex=True)
        for axes, zone in zip(rows, ALL, strict=False):
            arrived = [each.arrived - started for each in observer.estimates[zone]]
            edges = np.arange(0, max(arrived) + 2, 2.0)
            counts, _ = np.histogram(arrived, edges)
            for outcome in outcomes:
                if zone in outcome.fault.zones:
                    start, end = outcome.started - started, outcome.gone - started
                    shown = (start / 60, max(end, start + 1) / 60)
                    axes.axvspan(*shown, color=_BROKEN, alpha=0.3, lw=0)
            axes.step(edges[:-1] / 60, counts / 2, where="post", color=_WHOLE, lw=0.8)
            axes.set_ylim(0, 12)
            axes.set_yticks([0, 10])
            axes.set_ylabel(zone, rotation=0, ha="right", va="center")
        rows[0].set_title(
            "Estimates per second of each zone; red: a fault of this zone", loc="left"
        )
        memory = rows[-1]
        times = (np.array(resources.times) - started) / 60
        memory.plot(times, resources.memory, color=_GREY, lw=1)
        memory.set_ylim(0, 1.2 * max(resources.memory))
        memory.set_ylabel("memory\nMB", rotation=0, ha="right", va="center")
        memory.set_xlabel("minutes")
        figure.savefig(path, dpi=110)
