"""What viewers of the dashboard cost the tracker: `python -m benchmarks.dashboard`.

Turns of nobody looking, and of fifty viewers and one more who never reads. Those who read are a
process of their own, as browsers are, and take their share of the same cores.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import psutil
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.support.ports import free_port
from tests.support.streamer_process import StreamerProcess, running_streamer


def read(port: int, count: int, stop: Event) -> None:
    """Look with so many browsers, which read everything and draw nothing."""

    async def look() -> None:
        url, origin = f"ws://127.0.0.1:{port}/live/main", Origin(f"http://127.0.0.1:{port}")
        async with connect(url, origin=origin, max_size=None) as socket:
            async for _ in socket:
                if stop.is_set():
                    return

    async def all_of_them() -> None:
        await asyncio.gather(*(look() for _ in range(count)))

    asyncio.run(all_of_them())


@contextmanager
def stalled(port: int) -> Iterator[None]:
    """Look, and never read."""
    with socket.create_connection(("127.0.0.1", port)) as viewer:
        viewer.sendall(
            b"GET /live/main HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % (port, port)
        )
        yield


@contextmanager
def watched(port: int, count: int) -> Iterator[None]:
    """Look with so many viewers and one who never reads."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=read, args=(port, count, stop))
    process.start()
    with stalled(port):
        try:
            yield
        finally:
            stop.set()
            process.join(10)
            process.kill()


def p99(program: StreamerProcess, since: float) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latency since then, in ms."""
    latency = [each["latency_ms"] for at, each in program.estimates if at >= since]
    low, high = np.percentile(latency, [50, 99])
    return float(low), float(high)


def load(processes: dict[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Return what each process uses of a core from here on for so long, in percent."""
    before = {name: sum(each.cpu_times()[:2]) for name, each in processes.items()}
    time.sleep(seconds)
    return {
        name: 100 * (sum(each.cpu_times()[:2]) - before[name]) / seconds
        for name, each in processes.items()
    }


def our_processes() -> dict[str, psutil.Process]:
    """Return the tracker's and the dashboard's process."""
    found = {}
    for each in psutil.Process(os.getpid()).children(recursive=True):
        line = " ".join(each.cmdline())
        if "streamer.outputs.dashboard.web" in line:
            found["dashboard"] = each
        elif "streamer run" in line and "--dashboard" in line:
            found["tracker"] = each
    return found


async def measure(viewers: int, seconds: float, turns: int) -> dict[str, list[dict[str, float]]]:
    """Return latency and processor time of each turn, with nobody looking and with viewers."""
    port = free_port()
    found: dict[str, list[dict[str, float]]] = {"nobody": [], "viewers": []}
    async with running_streamer(
        "--dashboard", "--dashboard-listen", f"127.0.0.1:{port}"
    ) as program:
        processes = our_processes()
        await asyncio.sleep(10)
        for _ in range(turns):
            for who in found:
                with watched(port, viewers) if who == "viewers" else nullcontext():
                    await asyncio.sleep(3)  # until all of them look
                    since = time.time()
                    used = await asyncio.to_thread(load, processes, seconds)
                    low, high = p99(program, since)
                found[who].append({"p50": low, "p99": high, **used})
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found = asyncio.run(measure(options.viewers, options.seconds, options.turns))
    print(f"{options.turns} turns of {options.seconds:g} s each, {options.viewers} viewers + 1")
    print("| | p50 ms | p99 ms | of each turn | tracker, % of a core | dashboard |")
    print("|---|---|---|---|---|---|")
    middle = {}
    for who, turns in found.items():
        middle[who] = {key: statistics.median(each[key] for each in turns) for key in turns[0]}
        each = ", ".join(f"{turn['p99']:.1f}" for turn in turns)
        of = middle[who]
        print(
            f"| {who} | {of['p50']:.1f} | {of['p99']:.1f} | {each} "
            f"| {of['tracker']:.1f} | {of['dashboard']:.1f} |"
        )
    change = middle["viewers"]["p99"] / middle["nobody"]["p99"] - 1
    print(f"p99 changes by {100 * change:+.0f} %")
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
