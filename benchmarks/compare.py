"""Compare two results: every number before and after, and their ratio.

python -m benchmarks.compare BEFORE.json AFTER.json [--all]

Prints differences of 10 % or more; `--all` prints the rest too. Timings vary by tens of percent
from run to run: measure a second time before you trust one.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_THRESHOLD = 0.1


def flatten(found: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of nested results with its path."""
    if isinstance(found, dict):
        for key, one in found.items():
            yield from flatten(one, f"{name} / {key}" if name else key)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield name, float(found)


def compare(before: Any, after: Any) -> list[tuple[str, float, float, float]]:
    """Return the numbers in both results: path, before, after, after / before."""
    old = dict(flatten(before))
    rows = []
    for name, new in flatten(after):
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
        print("not the same machine or versions: compare only ratios to peers")
    rows = compare(before, after)
    shown = [row for row in rows if options.all or abs(row[3] - 1) >= _THRESHOLD]
    for name, old, new, ratio in shown:
        print(f"{name:64} {old:10.4g} {new:10.4g} {ratio:7.2f}")
    print(f"{len(shown)} of {len(rows)} numbers shown")


def _read(parser: argparse.ArgumentParser, path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {path}: {error}; `make bench` writes such a file")


if __name__ == "__main__":
    main()
