"""Measure an Icecast stream: regularity, latency, recovery after faults.

`python -m benchmarks.stream --seconds 60 --times 3`
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

from tests.support.icecast import SONG_SECONDS, Icecast, SourceClient, mp3_song
from tests.support.streamer_process import StreamerProcess, running_streamer

FAULT_SECONDS = 10.0
"""Duration of each fault."""

PAUSE_SECONDS = 55.0
"""Pause between faults: a message that repeats within a minute is logged once."""


class Radio:
    """An Icecast server and its source client; every fault is undone at its end."""

    def __init__(self, folder: Path) -> None:
        self.server = Icecast(folder)
        self._song = mp3_song()
        self._source: SourceClient
        self._start()

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """Suspend the server: connections stay open, no data is sent."""
        self.server.hang()
        yield
        self.server.resume()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Stop the source client: the server ends the stream."""
        self._source.stop()
        yield
        self._source = self._connect_source()

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """Kill the server; start another one at the end."""
        self.server.stop()
        self._source.stop()
        yield
        self._start()

    def close(self) -> None:
        self._source.stop()
        self.server.stop()

    def _start(self) -> None:
        self.server.start()
        self._source = self._connect_source()

    def _connect_source(self) -> SourceClient:
        return SourceClient(self.server, self._song, SONG_SECONDS)


async def measure_fault(name: str, make: Callable[[], object], program: StreamerProcess) -> None:
    """Print when a fault is detected, and when audio and estimates are back."""
    started = time.time()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(make())  # type: ignore[arg-type]
        await asyncio.sleep(FAULT_SECONDS)
    undone = time.time()
    detected = await program.wait_for_log("is lost", started)
    back = started + await program.wait_for_log("the audio is back", started)
    await program.wait_for_estimate(back)
    times = [at for at, _ in program.estimates if at >= started]
    ceased, again = max(pairwise(times), key=lambda pair: pair[1] - pair[0])
    print(
        f"{name} for {undone - started:.1f} s: detected after {detected:.2f} s, estimates from "
        f"buffered audio until {ceased - started:.2f} s; audio back at {back - started:.2f} s, "
        f"estimates at {again - started:.2f} s",
        flush=True,
    )
    await asyncio.sleep(PAUSE_SECONDS)


async def measure(radio: Radio, seconds: float, times: int) -> None:
    async with running_streamer("--input", radio.server.url()) as program:
        started = time.time()
        await asyncio.sleep(seconds)
        print(f"playing: {program.summary(started)}", flush=True)
        faults = {"stalled": radio.stalled, "closed": radio.closed, "killed": radio.killed}
        for name, make in faults.items():
            for _ in range(times):
                await measure_fault(name, make, program)
        sequence = [payload["seq"] for _, payload in program.estimates]
        moments = [payload["ts"] for _, payload in program.estimates]
        print(
            f"in total: {len(sequence)} estimates, in order: "
            f"{sequence == sorted(sequence) and moments == sorted(moments)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="duration without faults")
    parser.add_argument("--times", type=int, default=3, help="repetitions of each fault")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        radio = Radio(Path(folder))
        try:
            asyncio.run(measure(radio, options.seconds, options.times))
        finally:
            radio.close()


if __name__ == "__main__":
    main()
