"""Load test: hundreds of simulated streamers on one broker, up to its limit.

python -m benchmarks.fleet [--nodes 50,100,...] [--seconds 20] [--storm 1000] [--output FILE]

Each node is a connection that publishes the messages of a streamer at the same rate, with last will
and discovery. A desk subscribes to the estimates of each node: the first fifty desks have their own
connection, the others share one per hundred nodes. `--readers 1,4` repeats the test with four desks
per node. States, health and statuses go to a monitor: a shared subscription of two consumers. The
broker, mosquitto, runs on one core; nodes, desks and monitor run in one process on another. The
reconnect storm kills the broker under `--storm` nodes and waits until all are online again.

The number of nodes grows until nodes or broker cannot keep pace; `limit` names which. Load of other
processes is reported as "others". `python -m benchmarks.fleet.report FILE` writes the numbers into
docs/fleet.md.
"""

import argparse
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.fleet.measure import max_nodes, measure_fleet, measure_storm
from benchmarks.fleet.node import packet_sizes
from benchmarks.fleet.report import fit, fleet_table
from streamer.mqtt import find_mosquitto

NODES = (50, 100, 200, 400, 800, 1200, 1600, 2000, 2500, 3000, 4000, 6000, 8000)
_QUIET_PERCENT = 10.0  # load of others, % of a core, above which a failed size is repeated
_TRIES = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--nodes", type=_counts, default=NODES, metavar="N,N,...", help="sizes, ascending"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="for each size")
    parser.add_argument(
        "--readers", type=_counts, default=(1,), metavar="N,N", help="desks for each stream"
    )
    parser.add_argument("--storm", type=int, default=1000, metavar="N", help="nodes; 0 for none")
    parser.add_argument("--outage", type=float, default=5.0, help="seconds without a broker")
    parser.add_argument("--output", type=Path, default=Path("runs/fleet.json"), metavar="FILE")
    options = parser.parse_args()
    if (most := max_nodes()) < max(*options.nodes, options.storm):
        print(f"at most {most} nodes by the limit of open files: ulimit -n")
    found: dict[str, Any] = {
        "machine": machine(), "packet_bytes": packet_sizes(), "sizes": [],
    }  # fmt: skip
    for readers in options.readers:
        for count in (count for count in options.nodes if count <= most):
            print(f"{count} nodes, {readers} readers each ...", flush=True)
            one = _measure(count, options.seconds, readers)
            found["sizes"].append(one)
            print(f"  {_line(one)}", flush=True)
            if one["limit"]:
                break
    if 0 < options.storm <= most:
        print(f"a storm of {options.storm} nodes ...", flush=True)
        found["storm"] = measure_storm(options.storm, options.outage)
        print(f"  all online after {found['storm']['online_seconds']['max']:.2f} s", flush=True)
    found["fit"] = fit(found["sizes"])
    print(f"\n{fleet_table(found)}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")
    print(f"\nwrote {options.output}; into the docs: python -m benchmarks.fleet.report FILE")


def _measure(count: int, seconds: float, readers: int) -> dict[str, Any]:
    """Measure a size; repeat it if it fails while other processes load the machine."""
    for _ in range(_TRIES):
        one = measure_fleet(count, seconds, readers=readers)
        if not one["limit"] or one["others_percent"] <= _QUIET_PERCENT:
            break
        print(f"  the machine was busy: {_line(one)}", flush=True)
    return one


def machine() -> dict[str, Any]:
    """Return processor, cores, broker and Python version of the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    version = subprocess.run(
        [find_mosquitto() or "mosquitto", "-h"], capture_output=True, text=True, check=False
    )
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(models),
        "broker": version.stdout.partition("\n")[0],
        "python": platform.python_version(),
    }


def _line(one: dict[str, Any]) -> str:
    latency, own = one["latency_ms"] or {"p50": float("nan"), "p99": float("nan")}, one["generator"]
    limit = f"; the limit: {one['limit']}" if one["limit"] else ""
    return (
        f"{one['published_per_s']:.0f} messages/s in, {one['delivered_per_s']:.0f} out; latency "
        f"p50 {latency['p50']:.1f}, p99 {latency['p99']:.1f} ms; lost {one['lost']} of "
        f"{one['sent']}; broker {one['broker_percent']:.0f} %, {one['broker_kb'] / 1024:.0f} MB; "
        f"generator {own['percent']:.0f} %, p99 {own['late_ms']['p99']:.1f} ms late; others "
        f"{one['others_percent']:.0f} %{limit}"
    )


def _counts(text: str) -> list[int]:
    return sorted(int(count) for count in text.split(","))


if __name__ == "__main__":
    main()
