"""Run `streamer run` as a process; collect its messages and its log."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np

from tests.support.ports import free_port

PROGRAM = str(Path(sys.executable).with_name("streamer"))
_BASE = "streamer/bench/main"


class StreamerProcess:
    """A running `streamer run` with an embedded broker; times are `time.time()`.

    Attributes
    ----------
    estimates
        Arrival time and payload of each estimate.
    health
        Latest health message.
    log
        Time and message of each log line.
    """

    def __init__(self) -> None:
        self.estimates: list[tuple[float, dict[str, Any]]] = []
        self.health: dict[str, Any] = {}
        self.log: list[tuple[float, str]] = []
        self._ended = False

    async def until(self, true: Callable[[], object], seconds: float = 60.0) -> float:
        """Wait for a condition; return the seconds waited."""
        started = time.monotonic()
        async with asyncio.timeout(seconds):
            while not true():
                if self._ended:
                    raise RuntimeError(f"the program has ended: {self.log[-1:]}")
                await asyncio.sleep(0.01)
        return time.monotonic() - started

    async def wait_for_log(self, text: str, since: float) -> float:
        """Wait for a log message that contains the text; return its time after `since`, s."""

        def found() -> list[float]:
            return [at for at, message in self.log if at >= since and text in message]

        await self.until(found)
        return found()[0] - since

    async def wait_for_estimate(self, since: float) -> float:
        """Wait for an estimate; return its time after `since`, s."""

        def found() -> list[float]:
            return [at for at, _ in self.estimates if at >= since]

        await self.until(found)
        return found()[0] - since

    def summary(self, since: float) -> str:
        """Return intervals and latency of the estimates since a time, as one line."""
        payloads = [payload for at, payload in self.estimates if at >= since]
        missing = sum(b["seq"] - a["seq"] - 1 for a, b in pairwise(payloads))
        steps = [b["ts"] - a["ts"] for a, b in pairwise(payloads)]
        latency = np.array([payload["latency_ms"] for payload in payloads])
        p50, p99 = np.percentile(latency, [50, 99])
        return (
            f"{len(payloads)} estimates in {sum(steps) / 1e3:.1f} s of sound, "
            f"{missing} missing, {min(steps)} to {max(steps)} ms apart; latency p50 {p50:.1f} "
            f"p99 {p99:.1f} max {latency.max():.1f} ms; gaps {self.health.get('gaps')}, "
            f"drops {self.health.get('drops')}, drift {self.health.get('drift_ppm')} ppm"
        )

    async def read_log(self, stream: asyncio.StreamReader) -> None:
        """Collect the log until the process ends."""
        async for line in stream:
            text = line.decode().strip()
            message = json.loads(text)["message"] if text.startswith("{") else text
            self.log.append((time.time(), message))
        self._ended = True

    async def subscribe(self, port: int) -> None:
        """Collect estimates and health messages."""
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(f"{_BASE}/#")
            async for message in client.messages:
                payload = json.loads(message.payload)
                if message.topic.matches(f"{_BASE}/va"):
                    self.estimates.append((time.time(), payload))
                elif message.topic.matches(f"{_BASE}/health"):
                    self.health = payload


@contextlib.asynccontextmanager
async def running_streamer(
    *options: str, stdin: int | None = None
) -> AsyncIterator[StreamerProcess]:
    """Run `streamer run` for the length of the context; enter it after the first estimate."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "run", "--broker", "embedded", "--node", "bench", "--log", "json", *options,
        env={**os.environ, "STREAMER_MQTT__PORT": str(port), "STREAMER_MQTT__HEALTH_INTERVAL": "2"},
        stdin=stdin, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    program = StreamerProcess()
    tasks = [asyncio.create_task(program.read_log(process.stderr))]
    try:
        await program.wait_for_log("publishing", 0)
        tasks.append(asyncio.create_task(program.subscribe(port)))
        await program.wait_for_estimate(0)
        yield program
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
