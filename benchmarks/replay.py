"""A recording replayed beside what it recorded: equal messages, and how true their timing is.

`python -m benchmarks.replay [--seconds N]`: `streamer run --record` of the demo against a real
mosquitto, then `streamer replay` of the file; a subscriber compares both. Takes twice as long.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np

from tests.support.mosquitto import Mosquitto

PROGRAM = str(Path(sys.executable).with_name("streamer"))
_OWN = ("ts", "seq", "latency_ms")  # of each performance

Heard = list[tuple[float, dict[str, Any]]]
"""Messages with the monotonic time at which each came."""


async def listen(broker: Mosquitto, most: int, *command: object) -> Heard:
    """Run a program until it has said so many estimates, or ends; return what it said."""
    heard: Heard = []
    async with aiomqtt.Client(broker.address.host, broker.address.port) as client:
        await client.subscribe("streamer/replayed/main/va")
        await client.subscribe("streamer/replayed/status")
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *map(str, command), "--broker", str(broker.address), "--node", "replayed",
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async for message in client.messages:
            if message.topic.matches("+/+/status"):
                if message.payload == b"offline" and heard:
                    break
                continue
            heard.append((time.monotonic(), json.loads(message.payload)))
            if len(heard) == most:
                process.terminate()
    await process.wait()
    return heard


def compare(live: Heard, again: Heard) -> str:
    """Say whether the same was said, and how far the times were off."""
    said = [{key: each[key] for key in each if key not in _OWN} for _, each in live]
    resaid = [{key: each[key] for key in each if key not in _OWN} for _, each in again]
    count = min(len(said), len(resaid))
    equal = sum(map(dict.__eq__, said, resaid))
    captured = np.array([each["ts"] for _, each in live[:count]]) / 1e3
    came = np.array([when for when, _ in again[:count]])
    late = (came - came[0] - (captured - captured[0])) * 1e3
    steps = np.abs(np.diff(came) - np.diff(captured)) * 1e3
    off = np.abs(late - np.median(late))
    return (
        f"{len(said)} estimates live, {len(resaid)} replayed, {equal} of {count} equal\n"
        f"off the recorded times, ms: p50 {np.quantile(off, 0.5):.1f} p99 "
        f"{np.quantile(off, 0.99):.1f} max {off.max():.1f}\n"
        f"steps off the recorded ones, ms: p50 {np.quantile(steps, 0.5):.1f} p99 "
        f"{np.quantile(steps, 0.99):.1f} max {steps.max():.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    most = 10 * parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            run = ("run", "--input", "demo", "--no-view", "--record", folder)
            live = asyncio.run(listen(broker, most, *run))
            [recording] = Path(folder).glob("*.parquet")
            again = asyncio.run(listen(broker, len(live) + most, "replay", recording))
        finally:
            broker.kill()
    print(compare(live, again))


if __name__ == "__main__":
    main()
