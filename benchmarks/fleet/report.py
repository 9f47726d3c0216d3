"""Write the results of a load test into docs/fleet.md and plot them.

`python -m benchmarks.fleet.report FILE` replaces the text between `<!-- NAME -->` and
`<!-- end -->` of the page.
"""

import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fleet.picture import draw_fleet

_ROOT = Path(__file__).parents[2]
PAGE, PICTURE = _ROOT / "docs/fleet.md", _ROOT / "benchmarks/pictures/fleet.png"
RESULTS = Path(__file__).with_name("results.json")
VENUES = 10_000
"""Number of venues in the estimate."""
TCP_BYTES = 52
"""IPv4 and TCP headers with time stamps per packet, bytes (RFC 791, 9293, 7323)."""


def main(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["fit"] is None or "storm" not in found:
        sys.exit(f"{path} lacks a second size or the storm; measure with the defaults")
    text = PAGE.read_text(encoding="utf-8")
    for name, part in {"fleet": fleet_table, "estimate": estimate_table}.items():
        text = _put(text, name, part(found))
    PAGE.write_text(text, encoding="utf-8")
    draw_fleet(found["sizes"]).savefig(PICTURE, dpi=120, bbox_inches="tight")
    RESULTS.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")


def fit(sizes: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """Fit lines by least squares to the sizes with one reader at which the broker kept pace.

    Returns
    -------
    dict or None
        `broker_us`, the broker's CPU time per received or sent message, µs; `node_kb`, its memory
        per node. None with fewer than two sizes.
    """
    kept_pace = [one for one in sizes if one["readers"] == 1 and one["limit"] != "broker"]
    if len(kept_pace) < 2:
        return None
    messages = [one["published_per_s"] + one["delivered_per_s"] for one in kept_pace]
    used = [1e4 * one["broker_percent"] for one in kept_pace]  # µs per second
    kilobytes = [one["broker_kb"] for one in kept_pace]
    return {
        "broker_us": float(np.polyfit(messages, used, 1)[0]),
        "node_kb": float(np.polyfit([one["nodes"] for one in kept_pace], kilobytes, 1)[0]),
    }


def fleet_table(found: dict[str, Any]) -> str:
    """Return the measurements as Markdown: text and a table."""
    rows = []
    for one in found["sizes"]:
        latency, own = one["latency_ms"], one["generator"]
        rows.append(
            (
                f"{one['nodes']}",
                f"{one['readers']}",
                f"{one['published_per_s']:.0f} / {one['delivered_per_s']:.0f}",
                f"{latency['p50']:.1f} / {latency['p99']:.1f}" if latency else "",
                f"{one['lost']}",
                f"{one['shared']['lost']} / {one['shared']['twice']}",
                f"{one['broker_percent']:.0f}",
                f"{one['broker_kb'] / 1024:.0f}",
                f"{own['percent']:.0f}",
                f"{own['late_ms']['p99']:.1f}",
                f"{one['others_percent']:.0f}",
                one["limit"],
            )
        )
    header = (
        "nodes", "readers", "messages/s in / out", "latency p50 / p99, ms", "`va` lost",
        "shared lost / twice", "broker, % of a core", "MB", "generator, %", "late by, p99, ms",
        "others, %", "limit",
    )  # fmt: skip
    machine = found["machine"]
    command = f"`python -m benchmarks.fleet --seconds {found['sizes'][0]['seconds']:.0f}`"
    where = f"{machine['processor']}, {machine['cores']} cores; {machine['broker']}"
    parts = [f"{command}: {where}.", _table(header, rows)]
    if found["fit"]:
        parts.append(
            f"Least squares: {found['fit']['broker_us']:.1f} µs of a core per message that the "
            f"broker gets or gives, {found['fit']['node_kb']:.1f} kB of memory per node."
        )
    if (storm := found.get("storm")) is not None:
        online = storm["online_seconds"]
        parts.append(
            f"Storm: the broker killed under {storm['nodes']} nodes and away for "
            f"{storm['outage']:.0f} s. Half of them are online {online['p50']:.1f} s after it "
            f"listens again, all {online['max']:.1f} s, after {storm['tries']:.1f} tries each; "
            f"{storm['broker_ms']:.2f} ms of the broker's core for each node."
        )
    return "\n\n".join(parts)


def estimate_table(found: dict[str, Any]) -> str:
    """Return the extrapolation to `VENUES` venues of one zone as Markdown."""
    size, fitted, storm = found["packet_bytes"], found["fit"], found["storm"]
    slow = {"state": 1.0, "health": 0.1}
    carried = {"`state` and `health`, by bridges": slow, "all of it": {**slow, "va": 10.0}}
    rows = []
    for name, rates in carried.items():
        each_way = VENUES * sum(rates.values())
        bits = 8 * VENUES * sum(rate * (size[kind] + TCP_BYTES) for kind, rate in rates.items())
        cores = 2 * each_way * fitted["broker_us"] / 1e6
        numbers = (
            f"{each_way:,.0f}",
            f"{bits / 1e6:.0f}",
            f"{cores:.1f}",
            f"{math.ceil(2 * cores)}",
        )
        rows.append((name, *numbers))
    header = (
        "to the centre", "messages/s in, and as many out", "Mbit/s each way",
        "cores at the measured slope", "brokers, each half busy",
    )  # fmt: skip
    seconds = VENUES * storm["broker_ms"] / 1e3
    memory = VENUES * fitted["node_kb"] / 1024
    return (
        f"{_table(header, rows)}\n\n"
        f"{VENUES:,} connections want about {memory:.0f} MB. All of them connecting anew want "
        f"{seconds:.0f} s of one core, however they are spread."
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _put(text: str, name: str, part: str) -> str:
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise RuntimeError(f"{PAGE.name} has no place for {name}")
    return marked.sub(lambda found: f"{found[1]}\n{part}\n\n{found[2]}", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
