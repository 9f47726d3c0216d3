"""Many zones on one core: processor time, drops and latency by the number of zones.

Each zone plays the demo piece; the broker runs on the other cores. Usage:
python -m benchmarks.zones [--zones 1 4 8 16 32] [--rate 4] [--seconds 120]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.mosquitto import Mosquitto
from benchmarks.program import PROGRAM

_SETTLING = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Messages:
    """What the zones publish."""

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
        """All drops of all zones so far."""
        return sum(sum(one["drops"].values()) for one in self.health.values())

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


def main(counts: list[int], rate: float, seconds: float) -> None:
    print(f"{rate:g} estimates a second and zone, {seconds:g} s, all zones on one core")
    columns = ("zones", "% of core", "MB", "p50 ms", "p99 ms", "missing", "drops")
    print(" ".join(f"{name:>9}" for name in columns))
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            broker = Mosquitto(Path(folder))
            broker.start()
            try:
                _measure(Path(folder), broker.port, count, rate, seconds)
            finally:
                broker.kill()


def _measure(folder: Path, port: int, count: int, rate: float, seconds: float) -> None:
    config = folder / f"{count}.toml"
    zones = "".join(f'[[zones]]\nid = "zone-{k}"\ninput = "demo"\n' for k in range(count))
    config.write_text(
        f'{zones}[tracking]\nrate = {rate}\n[mqtt]\nbroker = "mqtt://127.0.0.1:{port}"\n'
        'node = "zones"\nhealth_interval = 2\n',
        encoding="utf-8",
    )
    messages = Messages(port)
    core = max(os.sched_getaffinity(0))
    program = subprocess.Popen(
        ["taskset", "-c", str(core), PROGRAM, "run", "--no-view", "--config", str(config)],
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(_SETTLING)
        before, dropped, begun = _processor(program.pid), messages.drops(), time.monotonic()
        messages.latency.clear()
        time.sleep(seconds)
        lasted = time.monotonic() - begun
        used, latency = _processor(program.pid) - before, np.array(messages.latency)
        memory = int(Path(f"/proc/{program.pid}/statm").read_text().split()[1]) * 4096 / 1e6
        time.sleep(2.5)  # the last health messages
        missing = round(count * rate * lasted) - len(latency)
        p50, p99 = np.percentile(latency, [50, 99]) if len(latency) else (np.nan, np.nan)
        numbers = (100 * used / lasted, memory, p50, p99, max(missing, 0))
        cells = [f"{count:9}", *(f"{number:9.1f}" for number in numbers)]
        print(*cells, f"{messages.drops() - dropped:9}", flush=True)
    finally:
        program.terminate()
        program.wait()
        messages.close()


def _processor(process: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--zones", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--rate", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    main(options.zones, options.rate, options.seconds)
