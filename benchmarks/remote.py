"""Inference server: agreement, latency by batch and number of streamers, effect of its loss.

Serves the shipped weights with `python -m deploy serve` on this machine and connects as streamers
do: one connection each, one window per tick, the local engine after the deadline. Then kills the
server.
Usage: python -m benchmarks.remote [--backend torch] [--require gpu] [--proxy haproxy]
       [--streamers 1,2,4,8] [--elsewhere] [--seconds 10] [--output runs/remote.json]
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from streamer.config.models import Remote
from streamer.engines import open_engine
from streamer.engines.failover import FailoverEngine
from streamer.engines.protocol import Array, Engine, Estimate
from streamer.engines.remote.remote_engine import RemoteEngine, open_remote_engine
from tests.support.ray_serve import kill_tree, running_server

RATE = 10.0
"""Estimates per second of a streamer."""

DEADLINE_MS = 40.0
BATCHES = (1, 4, 8, 16, 32)
_AXES = ("valence", "arousal", "valence_std", "arousal_std")
_LONG_DEADLINE_MS = 2000.0  # for measurements that need every response


def main() -> None:
    options = _options()
    with running_server(*_server_options(options)) as (url, server):
        local = open_engine()
        found: dict[str, Any] = {"engine": "", "agreement": _agreement(url, local)}
        remote = open_remote_engine(Remote(url=url, deadline_ms=_LONG_DEADLINE_MS), local, None)
        found["engine"] = remote.name
        print(f"{remote.name}; {found['agreement']}")
        found["batches"] = _by_batch(remote, options.seconds)
        remote.close()
        found["streamers"] = {}
        for count in map(int, options.streamers.split(",")):
            found["streamers"][count] = one = load(
                url, count, options.seconds, elsewhere=options.elsewhere
            )
            print(f"{count:5} streamers: {_format_load(one)}", flush=True)
        found["loss"] = _loss(url, local, server)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"wrote {options.output}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.remote")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--require", default="any")
    parser.add_argument("--proxy", default="ray")
    parser.add_argument("--replicas", default="1")
    parser.add_argument("--gpus", default="0", help="GPUs per replica, such as 0.25")
    parser.add_argument("--each", default="1000", help="Streamers per replica.")
    parser.add_argument("--streamers", default="1,2,4,8,16")
    parser.add_argument(
        "--elsewhere",
        action="store_true",
        help="Local engines cost nothing, as if on other machines.",
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--output", type=Path, default=Path("runs/remote.json"))
    return parser.parse_args()


def _server_options(options: argparse.Namespace) -> list[str]:
    names = ("backend", "require", "proxy", "replicas", "gpus")
    flags = [part for name in names for part in (f"--{name}", getattr(options, name))]
    return [*flags, "--streamers", options.each]


class Music:
    """Random frames in the ranges of music; each tick advances by a few frames.

    Parameters
    ----------
    engine
        Engine whose front end defines the shapes.
    zones
        Windows per tick.
    """

    def __init__(self, engine: Engine, zones: int) -> None:
        spec, random = engine.front_end, np.random.default_rng(zones)
        self._size = spec.window_frames
        self._step = round(spec.sample_rate / spec.hop / RATE)
        shape = zones, spec.mel_bands, 8 * self._size
        self._mel = random.normal(-8, 3, shape).astype(np.float32)
        shape = zones, spec.gammatone_channels, 8 * self._size
        self._cochleagram = random.random(shape, dtype=np.float32)
        self._at = 0

    def tick(self) -> tuple[Array, Array]:
        """Return the next mel (zones, mel_bands, T) and cochleagram (zones, channels, T)."""
        self._at = (self._at + self._step) % (7 * self._size)
        part = slice(self._at, self._at + self._size)
        return self._mel[:, :, part], self._cochleagram[:, :, part]


def _agreement(url: str, local: Engine) -> dict[str, float]:
    """Return the largest difference between remote and local estimates, by precision."""
    found = {}
    music = Music(local, 32)
    ticks = [music.tick() for _ in range(4)]
    expected = [local.infer(*views) for views in ticks]
    for precision in ("single", "half"):
        table = Remote(url=url, deadline_ms=_LONG_DEADLINE_MS, precision=precision)
        engine = open_remote_engine(table, open_engine(), None)
        remote_estimates = [engine.infer(*views) for views in ticks]
        if engine.counts.local:
            raise RuntimeError(f"cannot measure agreement: {engine.last_error}")
        found[precision] = float(
            max(
                np.abs(getattr(estimate, axis) - getattr(reference, axis)).max()
                for estimate, reference in zip(remote_estimates, expected, strict=True)
                for axis in _AXES
            )
        )
        engine.close()
    return found


def _by_batch(engine: RemoteEngine, seconds: float) -> dict[int, dict[str, float]]:
    found = {}
    for size in BATCHES:
        music = Music(engine, size)
        times: list[float] = []
        started = time.monotonic()
        while time.monotonic() - started < seconds / 4 or len(times) < 20:
            start = time.monotonic()
            engine.infer(*music.tick())
            times.append(1e3 * (time.monotonic() - start))
        p50, p99 = np.percentile(times, [50, 99])
        found[size] = {"ms_p50": float(p50), "ms_p99": float(p99)}
        print(f"{size:5} windows: {p50:7.2f} ms, p99 {p99:7.2f}", flush=True)
    return found


def load(url: str, count: int, seconds: float, *, elsewhere: bool = False) -> dict[str, float]:
    """Run `count` streamers at once; return response times, outcomes and missed ticks."""
    processes = max(1, min(count, (os.cpu_count() or 2) // 2))
    # On Linux, monotonic time is the same in all processes.
    start_at = time.monotonic() + 4.0 + 0.1 * count / processes
    shares = [len(range(k, count, processes)) for k in range(processes)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        parts = pool.starmap(
            _streamers, [(url, share, start_at, seconds, elsewhere) for share in shares]
        )
    times = np.concatenate([part["ms"] for part in parts])
    total = {key: sum(part[key] for part in parts) for key in ("answered", "late", "failed")}
    requests = sum(total.values())
    p50, p99 = np.percentile(times, [50, 99]) if len(times) else (np.nan, np.nan)
    missed = sum(part["missed"] for part in parts)
    return {
        "ms_p50": float(p50),
        "ms_p99": float(p99),
        "asked_per_s": requests / seconds,
        "local_share": sum(part["local"] for part in parts)
        / max(sum(part["ticks"] for part in parts), 1),
        "missed_ticks": missed,
        **total,
    }


class IdleEngine:
    """Stand-in for a local engine on another machine: costs nothing, returns constants.

    Parameters
    ----------
    engine
        Engine whose properties it copies.
    """

    def __init__(self, engine: Engine) -> None:
        self.name, self.last_error = "idle", ""
        self.model, self.front_end = engine.model, engine.front_end
        self.smoothing = engine.smoothing

    def infer(self, mel: Array, _cochleagram: Array) -> Estimate:
        """Return constant estimates."""
        zeros, ones = np.zeros(len(mel), np.float32), np.ones(len(mel), np.float32)
        return Estimate(zeros, zeros, ones, ones)


def _streamers(
    url: str, count: int, start_at: float, seconds: float, elsewhere: bool
) -> dict[str, Any]:
    """Run `count` streamers in threads of this process."""
    local = open_engine()
    if elsewhere:
        idle = IdleEngine(local)
        local = FailoverEngine(idle, lambda: idle)
    table = Remote(url=url, deadline_ms=DEADLINE_MS)
    engines = [open_remote_engine(table, local, None) for _ in range(count)]
    music = [Music(local, 1) for _ in range(count)]
    ticks = [0] * count
    missed = [0] * count

    def run(k: int) -> None:
        tick = max(start_at, time.monotonic()) + k / (count * RATE)
        while tick < start_at + seconds:
            time.sleep(max(tick - time.monotonic(), 0.0))
            engines[k].infer(*music[k].tick())
            ticks[k] += 1
            tick += 1 / RATE
            missed[k] += time.monotonic() > tick

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [asdict(engine.counts) for engine in engines]
    for engine in engines:
        engine.close()
    return {
        "ms": np.array([1e3 * s for one in counts for s in one["seconds"]]),
        "ticks": sum(ticks),
        "missed": sum(missed),
        **{key: sum(one[key] for one in counts) for key in ("answered", "late", "failed", "local")},
    }


def _format_load(one: dict[str, float]) -> str:
    return (
        f"{one['asked_per_s']:6.0f} requests/s, {one['ms_p50']:6.2f} ms, "
        f"p99 {one['ms_p99']:6.2f}; "
        f"{one['local_share']:.1%} computed locally, {one['missed_ticks']:.0f} ticks missed"
    )


def _loss(url: str, local: Any, server: "subprocess.Popen[bytes]") -> dict[str, float]:
    """Kill the server under a streamer; return the longest times of an estimate."""
    engine = open_remote_engine(Remote(url=url, deadline_ms=DEADLINE_MS), local, None)
    music, times, tick = Music(local, 1), [], time.monotonic()
    for number in range(60):
        time.sleep(max(tick - time.monotonic(), 0.0))
        if number == 20:
            kill_tree(server)
        start = time.monotonic()
        engine.infer(*music.tick())
        times.append(1e3 * (time.monotonic() - start))
        tick += 1 / RATE
    counts = engine.counts
    engine.close()
    print(
        f"server killed: estimates took at most {max(times[:20]):.1f} ms before and "
        f"{max(times[20:]):.1f} ms after; {counts.local} of 60 were local ({engine.last_error})"
    )
    return {"ms_before": max(times[:20]), "ms_after": max(times[20:]), "local": counts.local}


if __name__ == "__main__":
    main()
