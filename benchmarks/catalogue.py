"""Analysis of a thousand files: threads, one and two Ray actors, and a run that is killed.

The files are links to those of a folder, repeated. Each run is a process of its own, so its time
includes start-up: about 10 s for Ray's cluster and the actors' engines.
Usage: python -m benchmarks.catalogue FOLDER [--files 1040] [--output runs/catalogue.json]
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset

from streamer.batch.input_files import find_audio_files
from tests.support.ray_serve import kill_tree
from tests.support.streamer_process import PROGRAM

_RUNS = {
    "threads": ("--threads", "2"),
    "one actor": ("--runner", "ray", "--actors", "1"),
    "two actors": ("--runner", "ray", "--actors", "2"),
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = _link(options.folder, folder / "music", options.files)
        found: dict[str, Any] = {"files": files, "runs": {}}
        tables = {}
        for title, how in _RUNS.items():
            seconds = _run(folder, title.replace(" ", "-"), *how)
            found["runs"][title] = {"seconds": seconds, "files_per_s": files / seconds}
            tables[title] = _table(folder / title.replace(" ", "-"))
            print(f"{title}: {seconds:.1f} s, {files / seconds:.1f} files/s", flush=True)
        kept = _kill_half_way(folder, files)
        rest = _run(folder, "killed", *_RUNS["two actors"])
        tables["killed and continued"] = _table(folder / "killed")
        print(f"killed with {kept} of {files} files done; the rest took {rest:.1f} s")
        rows = len(tables["threads"])
        for title, table in tables.items():
            same = table.equals(tables["threads"])
            print(f"{title}: {len(table)} rows, {'equal to' if same else 'NOT'} those of threads")
            if not same:
                raise SystemExit(1)
        found |= {"rows": rows, "killed": {"kept": kept, "seconds": rest}}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1040)
    parser.add_argument("--output", type=Path, default=Path("runs/catalogue.json"))
    return parser.parse_args()


def _link(source: Path, music: Path, count: int) -> int:
    """Create links to `count` files, in folders of 65."""
    audio_files = [audio_file.path.resolve() for audio_file in find_audio_files([source])]
    for number in range(count):
        link = (
            music / f"{number // 65:03}" / f"{number}-{audio_files[number % len(audio_files)].name}"
        )
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(audio_files[number % len(audio_files)])
    return count


def _run(folder: Path, output: str, *how: str) -> float:
    started = time.monotonic()
    subprocess.run(
        [PROGRAM, "analyze", "music", "-o", output, *how],
        cwd=folder, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return time.monotonic() - started


def _kill_half_way(folder: Path, files: int) -> int:
    """Kill a run and its child processes when half of the files are done; return their number."""
    command = [PROGRAM, "analyze", "music", "-o", "killed", *_RUNS["two actors"]]
    run = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    while run.poll() is None:
        parts = list((folder / "killed").glob("folder=*/*.parquet"))
        if 16 * len(parts) >= files / 2:
            break
        time.sleep(0.2)
    kill_tree(run)
    return len(set(_table(folder / "killed")["file"].to_pylist()))


def _table(folder: Path) -> Any:
    found = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive").to_table()
    return found.sort_by([("file", "ascending"), ("time", "ascending")])


if __name__ == "__main__":
    main()
