"""Cost of dashboard viewers for the tracker: `python -m benchmarks.dashboard`.

Alternates between no viewer, and fifty viewers plus one that never reads. The reading viewers run
in a separate process, as browsers do, and share the cores with the tracker.
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
    """Run `count` viewers that read all messages without drawing."""

    async def view() -> None:
        url, origin = f"ws://127.0.0.1:{port}/live/main", Origin(f"http://127.0.0.1:{port}")
        async with connect(url, origin=origin, max_size=None) as socket:
            async for _ in socket:
                if stop.is_set():
                    return

    async def read_all() -> None:
        await asyncio.gather(*(view() for _ in range(count)))

    asyncio.run(read_all())


@contextmanager
def stalled_viewer(port: int) -> Iterator[None]:
    """Connect a viewer that never reads."""
    with socket.create_connection(("127.0.0.1", port)) as viewer:
        viewer.sendall(
            b"GET /live/main HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % (port, port)
        )
        yield


@contextmanager
def connected_viewers(port: int, count: int) -> Iterator[None]:
    """Run `count` viewers and one that never reads."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=read, args=(port, count, stop))
    process.start()
    with stalled_viewer(port):
        try:
            yield
        finally:
            stop.set()
            process.join(10)
            process.kill()


def p99(program: StreamerProcess, since: float) -> tuple[float, float]:
    """Return the median and 99th percentile of the latency since a time, ms."""
    latency = [each["latency_ms"] for at, each in program.estimates if at >= since]
    p50, p99_ms = np.percentile(latency, [50, 99])
    return float(p50), float(p99_ms)


def load(processes: dict[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Measure the CPU load of each process for `seconds`, percent of a core."""
    before = {name: sum(each.cpu_times()[:2]) for name, each in processes.items()}
    time.sleep(seconds)
    return {
        name: 100 * (sum(each.cpu_times()[:2]) - before[name]) / seconds
        for name, each in processes.items()
    }


def our_processes() -> dict[str, psutil.Process]:
    """Return the processes of the tracker and the dashboard."""
    found = {}
    for each in psutil.Process(os.getpid()).children(recursive=True):
        line = " ".join(each.cmdline())
        if "streamer.outputs.dashboard.web" in line:
            found["dashboard"] = each
        elif "streamer run" in line and "--dashboard" in line:
            found["tracker"] = each
    return found


async def measure(viewers: int, seconds: float, turns: int) -> dict[str, list[dict[str, float]]]:
    """Return latency and CPU load of each turn, without and with viewers."""
    port = free_port()
    found: dict[str, list[dict[str, float]]] = {"nobody": [], "viewers": []}
    async with running_streamer(
        "--dashboard", "--dashboard-listen", f"127.0.0.1:{port}"
    ) as program:
        processes = our_processes()
        await asyncio.sleep(10)
        for _ in range(turns):
            for case in found:
                with connected_viewers(port, viewers) if case == "viewers" else nullcontext():
                    await asyncio.sleep(3)  # until all viewers are connected
                    since = time.time()
                    used = await asyncio.to_thread(load, processes, seconds)
                    p50, p99_ms = p99(program, since)
                found[case].append({"p50": p50, "p99": p99_ms, **used})
    return found


def main() -> None:
    """Run the measurement and print a table."""
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
    medians = {}
    for case, turns in found.items():
        medians[case] = {key: statistics.median(each[key] for each in turns) for key in turns[0]}
        each = ", ".join(f"{turn['p99']:.1f}" for turn in turns)
        of = medians[case]
        print(
            f"| {case} | {of['p50']:.1f} | {of['p99']:.1f} | {each} "
            f"| {of['tracker']:.1f} | {of['dashboard']:.1f} |"
        )
    change = medians["viewers"]["p99"] / medians["nobody"]["p99"] - 1
    print(f"p99 changes by {100 * change:+.0f} %")
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
