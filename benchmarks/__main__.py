"""Run benchmarks of streamer and its peers, and write the results: `make bench`.

python -m benchmarks [NAME...] [--output FILE] [--quick]

views        CPU time of both views, beside the arithmetic limit of the core
peers        CPU time of an update beside librosa, torchaudio, openSMILE, MusiCNN, VibeNet
accuracy     accuracy of VibeNet, beside its cost
stages       latency of each stage from audio to message
events       end-to-end latency: from a click with a tone to the first message affected by it
response     step response: seconds until 63 % from calm to energetic music
footprint    CPU, memory and start-up time of one zone
incremental  what caching token embeddings could save
zones        many zones on one core
precision    agreement of int8 and fp16 (only if named: uncached fits take an hour)

Takes 15 minutes for zones and 15 for the rest; other load on the machine distorts it. Named parts
replace theirs in the file, the rest stays. `--quick` measures briefly, to check that all runs, and
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
    """One benchmark: how to measure, print and shorten it, and whether it runs unnamed."""

    measure: Callable[..., dict[str, Any]]
    show: Callable[[dict[str, Any]], None]
    quick: dict[str, Any]
    by_default: bool = True


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
    "precision": Measurement(measure_precision, show_precision, {}, by_default=False),
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
    chosen = options.names or [name for name, one in MEASUREMENTS.items() if one.by_default]
    output = options.output or (QUICK_RESULTS if options.quick else RESULTS)
    output.parent.mkdir(parents=True, exist_ok=True)
    results = {"machine": _machine()}
    if output.is_file():
        before = json.loads(output.read_text(encoding="utf-8"))
        if before["machine"] != results["machine"]:
            parser.error(f"{output} is of another machine or other versions; give another --output")
        results = before
    for name in chosen:
        one = MEASUREMENTS[name]
        print(f"\n{name}", flush=True)
        started = time.monotonic()
        results[name] = one.measure(**(one.quick if options.quick else {}))
        one.show(results[name])
        print(f"({time.monotonic() - started:.0f} s)", flush=True)
        output.write_text(f"{json.dumps(_rounded(results), indent=1)}\n", encoding="utf-8")
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
    """Round every number to four significant digits: the rest is noise."""
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
