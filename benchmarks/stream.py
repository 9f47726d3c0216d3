"""A radio as the tracker hears it: evenness, latency, and how soon it is back after a fault.

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

import numpy as np

from tests.support.icecast import Icecast, SourceClient, encode
from tests.support.streamer_process import Listening, listening

RATE = 44100
SONG_SECONDS = 20
LASTS = 10.0
"""Seconds that each fault lasts."""

CALM = 55.0
"""Seconds between faults: what is logged twice within a minute is logged once."""


def song() -> bytes:
    """Return chords over noise as MP3."""
    random = np.random.default_rng(0)
    sound = random.normal(0, 0.003, SONG_SECONDS * RATE)
    time_axis = np.arange(RATE) / RATE
    for second in range(SONG_SECONDS):
        for tone in 110 * 2 ** (random.choice(36, 4, replace=False) / 12):
            note = np.exp(-3 * time_axis) * np.sin(2 * np.pi * tone * time_axis)
            sound[second * RATE : (second + 1) * RATE] += 0.1 * note
    return encode(sound.astype(np.float32), RATE)


class Radio:
    """An icecast and its source; each fault leaves both as they were."""

    def __init__(self, folder: Path) -> None:
        self.server = Icecast(folder)
        self._song = song()
        self._source: SourceClient
        self._begin()

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """The server hangs: connections stay open and nothing comes."""
        self.server.hang()
        yield
        self.server.resume()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """The source goes, and the server ends the stream."""
        self._source.stop()
        yield
        self._source = self._broadcast()

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """The server is killed, and another started in its place."""
        self.server.stop()
        self._source.stop()
        yield
        self._begin()

    def end(self) -> None:
        self._source.stop()
        self.server.stop()

    def _begin(self) -> None:
        self.server.start()
        self._source = self._broadcast()

    def _broadcast(self) -> SourceClient:
        return SourceClient(self.server, self._song, SONG_SECONDS)


async def fault(name: str, make: Callable[[], object], program: Listening) -> None:
    begun = time.time()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(make())  # type: ignore[arg-type]
        await asyncio.sleep(LASTS)
    gone = time.time()
    noticed = await program.said("is lost", begun)
    back = begun + await program.said("the audio is back", begun)
    await program.estimate(back)
    times = [at for at, _ in program.estimates if at >= begun]
    ceased, again = max(pairwise(times), key=lambda pair: pair[1] - pair[0])
    print(
        f"{name} for {gone - begun:.1f} s: noticed after {noticed:.2f} s, estimates from what had "
        f"arrived until {ceased - begun:.2f} s; sound back at {back - begun:.2f} s, estimates at "
        f"{again - begun:.2f} s",
        flush=True,
    )
    await asyncio.sleep(CALM)


async def measure(radio: Radio, seconds: float, times: int) -> None:
    async with listening("--input", radio.server.url()) as program:
        begun = time.time()
        await asyncio.sleep(seconds)
        print(f"playing: {program.figures(begun)}", flush=True)
        faults = {"stalled": radio.stalled, "closed": radio.closed, "killed": radio.killed}
        for name, make in faults.items():
            for _ in range(times):
                await fault(name, make, program)
        sequence = [payload["seq"] for _, payload in program.estimates]
        moments = [payload["ts"] for _, payload in program.estimates]
        print(
            f"over all: {len(sequence)} estimates, in order: "
            f"{sequence == sorted(sequence) and moments == sorted(moments)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of undisturbed playing")
    parser.add_argument("--times", type=int, default=3, help="each fault")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        radio = Radio(Path(folder))
        try:
            asyncio.run(measure(radio, options.seconds, options.times))
        finally:
            radio.end()


if __name__ == "__main__":
    main()
