"""Plot the Grafana dashboard's time series from Prometheus, without Grafana.

`python -m deploy.monitoring.draw http://127.0.0.1:9090 dashboard.png --minutes 10`
"""

import argparse
import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

DASHBOARD = Path(__file__).parent / "grafana" / "streamer.json"
COLUMNS = 2
STEP = 5  # seconds

_VARIABLES = {"$instance": ".*", "$zone": ".*", "$__rate_interval": "30s"}
_OMITTED_LABELS = {"instance", "job", "__name__"}  # the same for all series of a machine


def series(server: str, query: str, minutes: float) -> list[dict[str, Any]]:
    """Query Prometheus for the last `minutes`."""
    for name, value in _VARIABLES.items():
        query = query.replace(name, value)
    now = time.time()
    parameters = {"query": query, "start": now - 60 * minutes, "end": now, "step": STEP}
    url = f"{server}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - the caller's URL
        found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return found


def draw(server: str, output: Path, minutes: float) -> None:
    """Write the figure."""
    panels = [
        panel
        for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        if panel["type"] == "timeseries"
    ]
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(13, 1.9 * rows), layout="constrained")
    start = time.time() - 60 * minutes
    for panel, axis in zip(panels, axes.flat, strict=False):
        for target in panel["targets"]:
            for each in series(server, target["expr"], minutes):
                times, values = zip(*each["values"], strict=True)
                label = target["legendFormat"].split("{{")[0].split()
                label += [v for k, v in sorted(each["metric"].items()) if k not in _OMITTED_LABELS]
                minutes_since = [(at - start) / 60 for at in times]
                axis.plot(minutes_since, list(map(float, values)), lw=1, label=" ".join(label))
        unit = panel["fieldConfig"]["defaults"].get("unit", "")
        axis.set_title(f"{panel['title']}  [{unit}]" if unit else panel["title"], fontsize=9)
        axis.tick_params(labelsize=7)
        axis.margins(x=0)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6, loc="upper left", frameon=False, ncols=3)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.savefig(output, dpi=90)


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("server", help="such as http://127.0.0.1:9090")
    parser.add_argument("output", type=Path, help="a PNG file")
    parser.add_argument("--minutes", type=float, default=10.0, help="time span")
    options = parser.parse_args()
    draw(options.server, options.output, options.minutes)


if __name__ == "__main__":
    main()
