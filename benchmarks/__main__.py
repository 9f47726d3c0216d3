"""Measures ours and the peers', and writes the numbers: `make bench`.

python -m benchmarks [NAME...] [--output FILE] [--quick]

views        CPU time of both views, beside what the core's arithmetic allows
peers        CPU time of an update beside librosa, torchaudio, openSMILE, MusiCNN, VibeNet
accuracy     what VibeNet hears, beside what it costs
stages       each step of the way from sound to message
events       from a click with a tone to the first message that has heard it, from outside
response     from calm to energetic music: seconds until 63 %
footprint    processor, memory and start of one zone
incremental  what could be spared by keeping what was computed
zones        many zones on one core
precision    agreement of int8 and fp16 (only where named: its fits take an hour where not kept)

A quarter of an hour for zones, another for the rest; other load on the machine shows. What is named
replaces its part in the file, the rest stays. `--quick` measures briefly, to see that all runs, and
writes runs/bench-quick.json.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.footprint import measure_footprint, show_footprint
from benchmarks.incremental import measure_incremental, show_incremental
from benchmarks.latency.events import measure_events, show_events
from benchmarks.latency.response import measure_response, show_response
from benchmarks.latency.stages import measure_stages, show_stages
from benchmarks.peers.accuracy import measure_accuracy, show_accuracy
from benchmarks.peers.contest import measure_peers, show_peers
from benchmarks.precision import measure_precision, show_precision
from benchmarks.views import measure_views, show_views
from benchmarks.zones import measure_zones, show_zones

RESULTS, QUICK_RESULTS = Path("runs/bench.json"), Path("runs/bench-quick.json")


class Measurement(NamedTuple):
    """One part of the results."""

    measure: Callable[..., dict[str, Any]]
    show: Callable[[dict[str, Any]], None]
    quick: dict[str, Any]
    unasked: bool = True


MEASUREMENTS = {
    "views": Measurement(measure_views, show_views, {"rounds": 1}),
    "peers": Measurement(measure_peers, show_peers, {"rounds": 1}),
    "accuracy": Measurement(measure_accuracy, show_accuracy, {}),
    "stages": Measurement(measure_stages, show_stages, {"seconds": 10.0}),
    "events": Measurement(measure_events, show_events, {"count": 4}),
    "response": Measurement(measure_response, show_response, {"live_pairs": 1}),
    "footprint": Measurement(measure_footprint, show_footprint, {"seconds": 5.0, "starts": 1}),
    "incremental": Measurement(measure_incremental, show_incremental, {"rounds": 1}),
    "zones": Measurement(measure_zones, show_zones, {"seconds": 5.0, "counts": (1, 8)}),
    "precision": Measurement(measure_precision, show_precision, {}, unasked=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"by default {RESULTS}")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"no measurement {unknown.pop()!r}; there are {', '.join(MEASUREMENTS)}")
    chosen = options.names or [name for name, one in MEASUREMENTS.items() if one.unasked]
    output = options.output or (QUICK_RESULTS if options.quick else RESULTS)
    output.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": _machine()}
    if output.is_file():
        before = json.loads(output.read_text(encoding="utf-8"))
        if before["machine"] != found["machine"]:
            parser.error(f"{output} is of another machine or other versions; give another --output")
        found = before
    for name in chosen:
        one = MEASUREMENTS[name]
        print(f"\n{name}", flush=True)
        begun = time.monotonic()
        found[name] = one.measure(**(one.quick if options.quick else {}))
        one.show(found[name])
        print(f"({time.monotonic() - begun:.0f} s)", flush=True)
        output.write_text(f"{json.dumps(_rounded(found), indent=1)}\n", encoding="utf-8")
    print(f"\nwrote {output}; beside those of benchmarks/README.md: make bench-compare")


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
        "numba": version("numba"),
    }


def _rounded(value: Any) -> Any:
    """Keep four digits of each number: the rest is noise."""
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {str(key): _rounded(one) for key, one in value.items()}
        case list() | tuple():
            return [_rounded(one) for one in value]
    return value


if __name__ == "__main__":
    main()
