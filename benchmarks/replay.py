"""Compare a replay with the recorded run: equality of messages, accuracy of timing.

`python -m benchmarks.replay [--seconds N]`: `streamer run --record` of the demo against a real
mosquitto, then `streamer replay` of the file; a subscriber compares both. Takes 2 N seconds.
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
_PER_RUN_FIELDS = ("ts", "seq", "latency_ms")

Messages = list[tuple[float, dict[str, Any]]]
"""Messages with their monotonic times of arrival."""


async def collect(broker: Mosquitto, limit: int, *command: object) -> Messages:
    """Run a program until it has published `limit` estimates or ends; return the estimates."""
    received: Messages = []
    async with aiomqtt.Client(broker.address.host, broker.address.port) as client:
        await client.subscribe("streamer/replayed/main/va")
        await client.subscribe("streamer/replayed/status")
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *map(str, command), "--broker", str(broker.address), "--node", "replayed",
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async for message in client.messages:
            if message.topic.matches("+/+/status"):
                if message.payload == b"offline" and received:
                    break
                continue
            received.append((time.monotonic(), json.loads(message.payload)))
            if len(received) == limit:
                process.terminate()
    await process.wait()
    return received


def compare(live: Messages, replayed: Messages) -> str:
    """Return a report of equal messages and timing errors."""
    count = min(len(live), len(replayed))
    equal = sum(map(dict.__eq__, _comparable(live), _comparable(replayed)))
    captured = np.array([each["ts"] for _, each in live[:count]]) / 1e3
    arrived = np.array([when for when, _ in replayed[:count]])
    late = (arrived - arrived[0] - (captured - captured[0])) * 1e3
    steps = np.abs(np.diff(arrived) - np.diff(captured)) * 1e3
    errors = np.abs(late - np.median(late))
    return (
        f"{len(live)} estimates live, {len(replayed)} replayed, {equal} of {count} equal\n"
        f"error of times, ms: p50 {np.quantile(errors, 0.5):.1f} p99 "
        f"{np.quantile(errors, 0.99):.1f} max {errors.max():.1f}\n"
        f"error of intervals, ms: p50 {np.quantile(steps, 0.5):.1f} p99 "
        f"{np.quantile(steps, 0.99):.1f} max {steps.max():.1f}"
    )


def _comparable(messages: Messages) -> list[dict[str, Any]]:
    """Drop the fields that differ between runs."""
    return [
        {key: message[key] for key in message if key not in _PER_RUN_FIELDS}
        for _, message in messages
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    limit = 10 * parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            run = ("run", "--input", "demo", "--no-view", "--record", folder)
            live = asyncio.run(collect(broker, limit, *run))
            [recording] = Path(folder).glob("*.parquet")
            replayed = asyncio.run(collect(broker, len(live) + limit, "replay", recording))
        finally:
            broker.kill()
    print(compare(live, replayed))


if __name__ == "__main__":
    main()
