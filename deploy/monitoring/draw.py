"""Draw the dashboard's time series from a Prometheus, where there is no Grafana.

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

_FILLED = {"$instance": ".*", "$zone": ".*", "$__rate_interval": "30s"}
_GIVEN_UP = {"instance", "job", "__name__"}  # alike for all of one machine


def series(server: str, query: str, minutes: float) -> list[dict[str, Any]]:
    """Ask Prometheus for the last minutes of a query."""
    for name, value in _FILLED.items():
        query = query.replace(name, value)
    now = time.time()
    asked = {"query": query, "start": now - 60 * minutes, "end": now, "step": STEP}
    url = f"{server}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - given by who calls
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def draw(server: str, output: Path, minutes: float) -> None:
    """Write the picture."""
    panels = [
        panel
        for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        if panel["type"] == "timeseries"
    ]
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(13, 1.9 * rows), layout="constrained")
    begun = time.time() - 60 * minutes
    for panel, axis in zip(panels, axes.flat, strict=False):
        for target in panel["targets"]:
            for each in series(server, target["expr"], minutes):
                times, values = zip(*each["values"], strict=True)
                words = target["legendFormat"].split("{{")[0].split()
                words += [v for k, v in sorted(each["metric"].items()) if k not in _GIVEN_UP]
                minutes_since = [(at - begun) / 60 for at in times]
                axis.plot(minutes_since, list(map(float, values)), lw=1, label=" ".join(words))
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
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("server", help="such as http://127.0.0.1:9090")
    parser.add_argument("output", type=Path, help="a PNG file")
    parser.add_argument("--minutes", type=float, default=10.0, help="how far back")
    given = parser.parse_args()
    draw(given.server, given.output, given.minutes)


if __name__ == "__main__":
    main()
