"""Write results into README.md as tables and pictures: python -m benchmarks.report RESULTS.json

Replaces the text between `<!-- NAME -->` and `<!-- end -->`, and the measured parts of
`results.json`, the reference of `make bench-compare`.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import pictures

HERE = Path(__file__).parent
README, RESULTS, PICTURES = HERE / "README.md", HERE / "results.json", HERE / "pictures"
_EVALUATION = HERE.parent / "training/results/distilled.json"
_EVALUATED_ON = "musemodataset"
_BASELINES = {
    "streamer: an update": None,
    "MusiCNN + regressor": "MusiCNN + ridge",
    "openSMILE eGeMAPS": "eGeMAPS + SVR",
}


def main(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    if RESULTS.is_file():
        before = json.loads(RESULTS.read_text(encoding="utf-8"))
        if before["machine"] != found["machine"] and set(before) > set(found):
            missing = ", ".join(set(before) - set(found))
            sys.exit(f"{path} is of another machine or other versions; measure {missing} there too")
        found = before | found
    accuracy = accuracies(found)
    text = README.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        text = _put(text, name, table(found[name]))
    text = _put(text, "peers", peers_table(found["peers"], accuracy))
    README.write_text(text, encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    pictures.draw_peers(found["peers"], accuracy).savefig(
        PICTURES / "peers.png", dpi=120, bbox_inches="tight"
    )
    pictures.draw_stages(found["stages"]).savefig(
        PICTURES / "stages.png", dpi=120, bbox_inches="tight"
    )
    pictures.draw_zones(found["zones"]).savefig(
        PICTURES / "zones.png", dpi=120, bbox_inches="tight"
    )
    RESULTS.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")


def accuracies(found: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the CCC of valence and arousal over pieces of musemodataset, by contestant."""
    scores = json.loads(_EVALUATION.read_text(encoding="utf-8"))["scores"][_EVALUATED_ON]
    by_name = {}
    for name, baseline in _BASELINES.items():
        table = scores["ladder"][baseline] if baseline else scores["damer"]
        by_name[name] = (table["valence"]["ccc"], table["arousal"]["ccc"])
    if "ccc" in found.get("accuracy", {}):
        ccc = found["accuracy"]["ccc"]
        by_name["VibeNet"] = (ccc["valence"], ccc["arousal"])
    return by_name


def peers_table(peers: dict[str, Any], accuracy: dict[str, tuple[float, float]]) -> str:
    """Return the table of cost, memory, start-up time and accuracy per contestant."""
    rows = []
    for name, one in peers.items():
        if "missing" in one:
            rows.append((name, "missing", *[""] * 5))
            continue
        ms = one["ms"]
        agreement = "/".join(f"{value:.2f}" for value in accuracy[name]) if name in accuracy else ""
        ratio = one["ratio"]
        times = "" if ratio == 1 else f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
        rows.append(
            (name, f"{ms['p50']:.2f}", f"{ms['p99']:.2f}", times, f"{one['peak_mb']:.0f}",
             f"{one['start_seconds']:.1f}", agreement)
        )  # fmt: skip
    header = ("", "ms, median", "p99", "times ours", "MB", "start, s", "CCC, valence/arousal")
    return _table(header, rows)


def _accuracy(found: dict[str, Any]) -> str:
    if "missing" in found:
        return "VibeNet's accuracy was not measured."
    r = found["r_as_it_is"]
    return (
        f"As it is, on {found['pieces']} recordings, VibeNet's valence correlates with listeners' "
        f"by {r['valence']:.2f}, its energy with their arousal by {r['arousal']:.2f} "
        "(`python -m benchmarks accuracy`)."
    )


def _views(found: dict[str, Any]) -> str:
    rows = [
        (name, f"{found[f'{key}_ms']:.2f}", f"{found[f'{key}_limit_ms']:.2f}")
        for name, key in (("gammatone cochleagram", "gammatone"), ("log-Mel", "mel"))
    ]
    rows.append(("both, in blocks of 20 ms", f"{found['both_ms']:.2f}", ""))
    header = ("", "ms a second of sound", f"limit at {found['gigaflops']:.0f} Gflop/s")
    return _table(header, rows)


def _stages(found: dict[str, Any]) -> str:
    names = list(next(iter(found.values())))
    rows = [
        (name, *(f"{one[name]['p50']:.1f} / {one[name]['p99']:.1f}" for one in found.values()))
        for name in names
    ]
    return _table(("ms, median / p99", *found), rows)


def _events(found: dict[str, Any]) -> str:
    def cells(one: dict[str, Any], key: str) -> str:
        return f"{one[key]['p50']:.0f} / {one[key]['p99']:.0f}"

    rows = [
        (
            source, str(one["events"]), str(one["missed"]), cells(one, "event_to_message_ms"),
            cells(one, "latency_ms"), f"{one['network_ms']['p50']:.1f}",
            f"{one['ts_error_ms']:.1f}",
        )
        for source, one in found.items()
    ]  # fmt: skip
    header = (
        "", "events", "missed", "event to message, ms", "`latency_ms`", "network, ms",
        "`ts` wrong by, ms",
    )  # fmt: skip
    return _table(header, rows)


def _response(found: dict[str, Any]) -> str:
    rows = [
        (source, str(one["joins"]), f"{one['smoothed']:.2f}", f"{one['raw']:.2f}")
        for source, one in found.items()
        if source != "music"
    ]
    return _table(("", "joins", "as published, s", "not smoothed, s"), rows)


def _footprint(found: dict[str, Any]) -> str:
    rows = []
    for source, one in found.items():
        first = one["first_estimate_seconds"]
        rows.append(
            (f"`--input {source}`", f"{one['cpu_percent']:.1f}", f"{one['resident_mb']:.0f}",
             f"{first['median']:.2f}", f"{first['max']:.2f}")
        )  # fmt: skip
    return _table(("", "% of a core", "MB", "first estimate after, s", "longest, s"), rows)


def _zones(found: dict[str, Any]) -> str:
    rows = []
    for count, one in found.items():
        latency = one["latency_ms"] or dict.fromkeys(("p50", "p99"), float("nan"))
        rows.append(
            (count, f"{one['cpu_percent']:.0f}", f"{one['resident_mb']:.0f}",
             f"{latency['p50']:.0f}", f"{latency['p99']:.0f}", str(one["drops"]),
             str(one["missing"]))
        )  # fmt: skip
    header = ("zones", "% of the core", "MB", "latency p50, ms", "p99, ms", "drops", "missing")
    return _table(header, rows)


def _incremental(found: dict[str, Any]) -> str:
    return (
        f"A window takes {found['whole_ms']:.2f} ms, the network behind its token embeddings "
        f"{found['behind_embedding_ms']:.2f} ms: keeping them would spare "
        f"{100 * found['spared']:.0f} % at most, and estimates would come "
        f"{found['later_ms']:.0f} ms later on average."
    )


def _precision(found: dict[str, Any]) -> str:
    rows = []
    for kind, one in found.items():
        for dataset, axes in one.items():
            if dataset == "ms":
                continue
            cells = []
            for numbers in axes.values():
                low, high = numbers["interval"]
                change = f" ({numbers['change']:+.4f}: {low:+.4f} to {high:+.4f})"
                cells.append(f"{numbers['ccc']:.4f}" + (change if kind != "fp32" else ""))
            rows.append((kind, f"{one['ms']:.2f}", dataset, *cells))
    return _table(("", "ms a window", "", "CCC of valence", "of arousal"), rows)


def _machine(found: dict[str, Any]) -> str:
    return (
        f"{found['processor']}, {found['cores']} cores; Python {found['python']}, ONNX Runtime "
        f"{found['onnxruntime']}, Numba {found['numba']}."
    )


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "machine": _machine,
    "accuracy": _accuracy,
    "views": _views,
    "stages": _stages,
    "events": _events,
    "response": _response,
    "footprint": _footprint,
    "incremental": _incremental,
    "zones": _zones,
    "precision": _precision,
}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _put(text: str, name: str, content: str) -> str:
    pattern = re.compile(rf"(<!-- {name} -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"cannot write README.md: no section {name}; add its comments")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.report RESULTS.json")
    main(Path(sys.argv[1]))
