"""Many zones on one core: CPU time, memory, latency and drops by number of zones.

Each zone plays the demo piece; the broker and the subscriber run on the other cores.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from rich.progress import track

from benchmarks.figures import percentiles
from benchmarks.footprint import cpu_seconds, resident_mb
from tests.support.mosquitto import Mosquitto
from tests.support.streamer_process import PROGRAM

COUNTS = (1, 30, 45, 60)
_SETTLING = 10.0
_HEALTH_INTERVAL = 2


class _Messages:
    """Collect latencies and health messages of the zones."""

    def __init__(self, port: int) -> None:
        self.latency: list[float] = []
        self.health: dict[str, dict[str, Any]] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("streamer/zones/+/va", 0), ("streamer/zones/+/health", 0)])
        self._client.loop_start()

    def _on_message(self, *event: Any) -> None:
        message = event[-1]
        payload = json.loads(message.payload)
        zone, kind = message.topic.split("/")[2:]
        if kind == "va":
            self.latency.append(payload["latency_ms"])
        else:
            self.health[zone] = payload

    def drops(self) -> int:
        """Return the drops of all zones so far."""
        return sum(sum(one["drops"].values()) for one in list(self.health.values()))

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


def measure_zones(
    seconds: float = 120.0, counts: Sequence[int] = COUNTS, rate: float = 4.0
) -> dict[str, Any]:
    """Run each number of zones on one core.

    Returns
    -------
    dict
        By number of zones: `cpu_percent` of the core, `resident_mb`, `latency_ms`, `missing`
        estimates, and the `drops` that the zones counted. Ends at the first number of zones that
        loses a tenth of its estimates.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, _reserved_core() as core:
        for count in track(counts, description="Zones"):
            broker = Mosquitto(Path(folder))
            broker.start()
            try:
                one = _measure(Path(folder), broker.port, core, count, rate, seconds)
            finally:
                broker.kill()
            found[str(count)] = one
            if one["missing"] > 0.1 * count * rate * seconds:
                break
    return found


@contextlib.contextmanager
def _reserved_core() -> Iterator[int]:
    """Reserve a core by moving this process and its children off it; yield its number."""
    before = os.sched_getaffinity(0)
    core = max(before)
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), before - {core} or before)
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def _measure(
    folder: Path, port: int, core: int, count: int, rate: float, seconds: float
) -> dict[str, Any]:
    config = folder / f"{count}.toml"
    zones = "".join(f'[[zones]]\nid = "zone-{k}"\ninput = "demo"\n' for k in range(count))
    config.write_text(
        f'{zones}[tracking]\nrate = {rate}\n[mqtt]\nbroker = "mqtt://127.0.0.1:{port}"\n'
        f'node = "zones"\nhealth_interval = {_HEALTH_INTERVAL}\n',
        encoding="utf-8",
    )
    messages = _Messages(port)
    program = subprocess.Popen(
        ["taskset", "-c", str(core), PROGRAM, "run", "--no-view", "--config", str(config)],
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(_SETTLING)
        ours = [psutil.Process(program.pid)]
        used, dropped, started = cpu_seconds(ours), messages.drops(), time.monotonic()
        messages.latency.clear()
        time.sleep(seconds)
        lasted = time.monotonic() - started
        used, latency = cpu_seconds(ours) - used, list(messages.latency)
        memory = resident_mb(ours)
        time.sleep(_HEALTH_INTERVAL + 0.5)  # wait for the last health messages
        return {
            "cpu_percent": 100 * used / lasted,
            "resident_mb": memory,
            "latency_ms": percentiles(latency) if latency else None,
            "missing": max(round(count * rate * lasted) - len(latency) - count, 0),
            "drops": messages.drops() - dropped,
        }
    finally:
        program.terminate()
        program.wait()
        messages.close()


def show_zones(found: dict[str, Any]) -> None:
    """Print a table of the results."""
    columns = ("zones", "% of core", "MB", "p50 ms", "p99 ms", "missing", "drops")
    print(" ".join(f"{name:>9}" for name in columns))
    for count, one in found.items():
        latency = one["latency_ms"] or {"p50": float("nan"), "p99": float("nan")}
        numbers = (one["cpu_percent"], one["resident_mb"], latency["p50"], latency["p99"])
        cells = " ".join(f"{number:9.1f}" for number in numbers)
        print(f"{count:>9} {cells} {one['missing']:9} {one['drops']:9}")
