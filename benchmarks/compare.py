"""Two results side by side: every number, before, after, and their ratio.

python -m benchmarks.compare BEFORE.json AFTER.json [--all]

Only what differs by a tenth or more is shown; `--all` shows the rest. Timings of this kind wander
by some tenths from run to run: ask a second time before you believe one.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NOTICED = 0.1


def numbers(found: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Give every number of some results with the path to it."""
    if isinstance(found, dict):
        for key, one in found.items():
            yield from numbers(one, f"{name} / {key}" if name else key)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield name, float(found)


def compared(before: Any, after: Any) -> list[tuple[str, float, float, float]]:
    """Give what both results have: path, number before, number after, after / before."""
    old = dict(numbers(before))
    rows = []
    for name, new in numbers(after):
        if name in old:
            same = old[name] == new
            ratio = 1.0 if same else new / old[name] if old[name] else float("inf")
            rows.append((name, old[name], new, ratio))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    before, after = (_read(parser, path) for path in (options.before, options.after))
    if before.get("machine") != after.get("machine"):
        print("not the same machine or versions: only ratios to peers can be compared")
    rows = compared(before, after)
    shown = [row for row in rows if options.all or abs(row[3] - 1) >= _NOTICED]
    for name, old, new, ratio in shown:
        print(f"{name:64} {old:10.4g} {new:10.4g} {ratio:7.2f}")
    print(f"{len(shown)} of {len(rows)} numbers shown")


def _read(parser: argparse.ArgumentParser, path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"{path} cannot be read ({error}); `make bench` writes such a file")


if __name__ == "__main__":
    main()
