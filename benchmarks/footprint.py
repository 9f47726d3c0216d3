"""Measure CPU, memory and start-up time of one zone."""

import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import psutil

from streamer.demo import PIECE
from tests.support.mosquitto import Mosquitto
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, recording
from tests.support.streamer_process import PROGRAM
from training.sound.render import decode

_SETTLING = 5.0


def measure_footprint(seconds: float = 60.0, starts: int = 7) -> dict[str, Any]:
    """Run one zone with the demo piece as a file, and one with a microphone.

    Returns
    -------
    dict
        By source: `cpu_percent` of one core and `resident_mb`, of all our processes;
        `first_estimate_seconds`, from process start to first message, median and longest of
        several starts.
    """
    pulse = PulseServer(("alpha",))
    found = {}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(pulse.running())
        pulse.plug_in("alpha")
        stack.enter_context(MicrophonePlayer(pulse.pipe("alpha"), recording(decode(PIECE, RATE))))
        broker = Mosquitto(Path(folder))
        broker.start()
        stack.callback(broker.kill)
        for source in ("demo", "mic"):
            first = [asyncio.run(_run(broker, source, 0.0))[0] for _ in range(starts - 1)]
            last, cpu, memory = asyncio.run(_run(broker, source, seconds))
            first.append(last)
            found[source] = {
                "cpu_percent": cpu,
                "resident_mb": memory,
                "first_estimate_seconds": {"median": float(np.median(first)), "max": max(first)},
            }
    return found


async def _run(broker: Mosquitto, source: str, seconds: float) -> tuple[float, float, float]:
    """Return seconds to the first message, percent of a core, and megabytes."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("streamer/footprint/main/va")
        started = time.monotonic()
        program = await asyncio.create_subprocess_exec(
            PROGRAM, "run", "--no-view", "--input", source, "--node", "footprint",
            "--broker", f"mqtt://127.0.0.1:{broker.port}",
            stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "STREAMER_LOG__LEVEL": "warning"},
        )  # fmt: skip
        try:
            await anext(aiter(client.messages))
            first = time.monotonic() - started
            if not seconds:
                return first, 0.0, 0.0
            await asyncio.sleep(_SETTLING)
            ours = [one := psutil.Process(program.pid), *one.children(recursive=True)]
            before, since = cpu_seconds(ours), time.monotonic()
            await asyncio.sleep(seconds)
            used = cpu_seconds(ours) - before
            return first, 100 * used / (time.monotonic() - since), resident_mb(ours)
        finally:
            program.terminate()
            await program.wait()


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU time used by processes so far, s."""
    return float(sum(sum(one.cpu_times()[:2]) for one in processes))


def resident_mb(processes: list[psutil.Process]) -> float:
    """Return the resident memory of processes, MB; shared pages count for each."""
    return float(sum(one.memory_info().rss for one in processes)) / 1e6


def show_footprint(found: dict[str, Any]) -> None:
    """Print the measurement."""
    print(f"{'input':8} {'% of a core':>12} {'MB':>6} {'first estimate, s':>18} {'longest':>8}")
    for source, one in found.items():
        first = one["first_estimate_seconds"]
        print(
            f"{source:8} {one['cpu_percent']:12.1f} {one['resident_mb']:6.0f} "
            f"{first['median']:18.2f} {first['max']:8.2f}"
        )
