"""Run the contestants in turn, round after round, on one core."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.peers.environment import ROOT, python_of, versions_of
from damer.weights import SHIPPED_MODEL
from streamer.demo import PIECE
from training.sound.render import decode

ROUNDS = 9
_ROUND_SECONDS = 0.6
_MIN_UPDATES, _MAX_UPDATES = 3, 400


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row of the table.

    Attributes
    ----------
    name
        Displayed name.
    module
        Module of `benchmarks.peers`.
    computes
        Result of an update: "views" or "affect".
    packages
        Packages of its environment; none: the current environment.
    bare
        Packages installed without their dependencies.
    argument
        Path passed to it.
    """

    name: str
    module: str
    computes: str
    packages: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    argument: Path | None = None


_TEACHER = Path(".cache/musicnn.onnx")
OURS_VIEWS = Contestant("streamer: both views", "streamer_views", "views")
OURS = Contestant("streamer: an update", "streamer_update", "affect", argument=SHIPPED_MODEL)
VIBENET = Contestant("VibeNet", "vibenet", "affect", ("vibenet", "soundfile", "scipy"))
CONTESTANTS = (
    OURS_VIEWS,
    Contestant("torchaudio: Mel alone, rolling", "torchaudio_mel", "views",
               ("torch>=2.11,<2.14", "numpy"), ("torchaudio",)),
    Contestant("librosa + gammatone: both views anew", "librosa_views", "views",
               ("librosa", "gammatone")),
    OURS,
    Contestant("streamer: an update, int8", "streamer_update", "affect",
               argument=SHIPPED_MODEL.with_name("damer-int8.onnx")),
    Contestant("MusiCNN + regressor", "musicnn_regressor", "affect",
               ("librosa", "onnxruntime"), argument=_TEACHER),
    Contestant("openSMILE eGeMAPS", "opensmile_egemaps", "affect", ("opensmile",)),
    VIBENET,
)  # fmt: skip
"""Contestants; ours are first among those with the same result."""


class _Process:
    """A running contestant."""

    def __init__(self, contestant: Contestant, python: Path, audio_file: Path, core: int) -> None:
        started = time.monotonic()
        self.contestant = contestant
        self._errors = audio_file.with_name(f"{contestant.module}.log")
        self.milliseconds: list[list[float]] = []
        self.peak_mb = 0.0
        arguments = [str(contestant.argument)] if contestant.argument else []
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
            ["taskset", "-c", str(core), python, "-m", f"benchmarks.peers.{contestant.module}",
             str(audio_file), *arguments],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        try:
            self._read_result()
        except RuntimeError:
            self.end()
            raise
        self.start_seconds = time.monotonic() - started
        self._updates = _MIN_UPDATES

    def calibrate(self) -> None:
        """Choose the number of updates per round from the cost of a first round."""
        self.round()
        cost = np.median(self.milliseconds.pop()) / 1e3
        self._updates = int(np.clip(_ROUND_SECONDS / cost, _MIN_UPDATES, _MAX_UPDATES))

    def round(self) -> None:
        """Run one round of updates."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        print(self._updates, file=self._process.stdin, flush=True)
        result = self._read_result()
        self.milliseconds.append(result["ms"])
        self.peak_mb = result["peak_mb"]

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _read_result(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline()
        if not line:
            output = self._errors.read_text(errors="replace").strip().splitlines() or ["no output"]
            raise RuntimeError(f"it has ended: {output[-1]}")
        return json.loads(line)


def measure_peers(rounds: int = ROUNDS) -> dict[str, Any]:
    """Run every available contestant.

    Returns
    -------
    dict
        By name: `ms` (median and 99th percentile of an update's CPU time over all rounds), `ratio`
        (to ours with the same result, median over rounds), `peak_mb`, `start_seconds` until the
        first update, and `packages` with versions; or `missing` with the reason.
    """
    found: dict[str, Any] = {}
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        audio_file = Path(folder, "demo.npz")
        audio_by_rate: dict[str, Any] = {
            str(rate): decode(PIECE, rate) for rate in (16000, 22050, 44100)
        }
        np.savez(audio_file, **audio_by_rate)
        running: list[_Process] = []

        def record_missing(contestant: Contestant, error: Exception) -> None:
            found[contestant.name] = {"missing": str(error)}
            print(f"{contestant.name} is missing: {error}")

        for contestant in track(CONTESTANTS, description="Peers: environments"):
            found[contestant.name] = {}
            try:
                one = _Process(contestant, _python(contestant), audio_file, core)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                record_missing(contestant, error)
            else:
                stack.callback(one.end)
                running.append(one)
        for k in track(range(rounds + 1), description="Peers: rounds"):
            for one in list(running):
                try:
                    one.round() if k else one.calibrate()
                except (RuntimeError, OSError) as error:
                    running.remove(one)
                    record_missing(one.contestant, error)
        found |= dict(_figures(running))
    return found


def _python(contestant: Contestant) -> Path:
    if contestant.argument is not None and not (ROOT / contestant.argument).is_file():
        raise RuntimeError(f"{contestant.argument} is missing: run `make teacher`")
    if not contestant.packages:
        return Path(sys.executable)
    return python_of(contestant.module, contestant.packages, contestant.bare)


def _figures(running: list[_Process]) -> Iterator[tuple[str, Any]]:
    medians = {one.contestant: np.median(one.milliseconds, axis=1) for one in running}
    for one in running:
        contestant = one.contestant
        ours = OURS_VIEWS if contestant.computes == "views" else OURS
        p50, p99 = np.percentile(one.milliseconds, [50, 99])
        yield (
            contestant.name,
            {
                "computes": contestant.computes,
                "ms": {"p50": p50, "p99": p99},
                "ratio": float(np.median(medians[contestant] / medians[ours])),
                "packages": versions_of(contestant.module) if contestant.packages else [],
                "updates": int(np.size(one.milliseconds)),
                "peak_mb": one.peak_mb,
                "start_seconds": one.start_seconds,
            },
        )


def show_peers(found: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{'':38} {'ms, p50':>9} {'p99':>9} {'times ours':>11} {'MB':>6} {'start, s':>9}")
    for name, one in found.items():
        if "missing" in one:
            print(f"{name:38} missing")
            continue
        ms = one["ms"]
        print(
            f"{name:38} {ms['p50']:9.2f} {ms['p99']:9.2f} {one['ratio']:11.1f} "
            f"{one['peak_mb']:6.0f} {one['start_seconds']:9.1f}"
        )
