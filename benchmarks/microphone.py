"""Measure a microphone behind PulseAudio: regularity, capture times, recovery after faults.

`python -m benchmarks.microphone run|clock|faults [--seconds N] [--ppm N]`
"""

import argparse
import asyncio
import os
import time
from collections.abc import Callable

import numpy as np

from streamer.audio import open_source
from streamer.config import Tracking, Zone
from streamer.engines import open_engine
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, clicks, noise
from tests.support.streamer_process import running_streamer

MICROPHONE = Zone(input="mic", device="alpha")


async def clock(pulse: PulseServer, seconds: float, ppm: float) -> None:
    """Print the error of the capture times of clicks whose times are known."""
    pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), clicks(every=RATE // 2), drift_ppm=ppm)
    period = player.time_of(RATE // 2) - player.started
    errors: list[float] = []
    async with open_source(MICROPHONE) as source:
        started = printed = time.monotonic()
        async for block in source.blocks():
            for n in np.flatnonzero(block.samples > 0.4):
                at = block.captured + n / source.rate - player.started
                errors.append((at + period / 2) % period - period / 2)
            now = time.monotonic()
            if now - printed >= 60 or now - started >= seconds:
                printed = now
                signed = np.percentile(errors[10:], [1, 50, 99]) * 1e3
                absolute = np.percentile(np.abs(errors[10:]), [50, 99]) * 1e3
                print(
                    f"{now - started:4.0f} s: {len(errors)} clicks, error ms p1 {signed[0]:+.2f} "
                    f"p50 {signed[1]:+.2f} p99 {signed[2]:+.2f}, |error| p50 {absolute[0]:.2f} "
                    f"p99 {absolute[1]:.2f}; drift {source.drift_ppm:+.1f} ppm (true {ppm:+.1f}), "
                    f"gaps {source.gaps}",
                    flush=True,
                )
            if now - started >= seconds:
                break
    player.end()


async def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> float:
    """Wait for a condition; return the seconds that took."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the tracker has no event for it
            await asyncio.sleep(0.01)
    return time.monotonic() - started


def _new_estimate(tracker: ZoneTracker) -> Callable[[], bool]:
    before = tracker.status.estimates
    return lambda: tracker.status.estimates > before


async def faults(pulse: PulseServer) -> None:
    """Print the time to detect and to recover from unplugging and a stopped server, three times."""
    module = pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), noise)
    with BatchingInference(open_engine()) as inference:
        tracker = ZoneTracker(MICROPHONE, Tracking(), inference, lambda *_: None)
        await tracker.open()
        task = asyncio.create_task(tracker.run())
        await wait_until(lambda: tracker.status.estimates > 10)
        for name in ("unplugged", "sound server stopped"):
            for _ in range(3):
                if name == "unplugged":
                    pulse.unplug(module)
                else:
                    pulse.stop()
                detected = await wait_until(lambda: tracker.status.last_error)
                reason = tracker.status.last_error
                await asyncio.sleep(3)
                if name != "unplugged":
                    pulse.start()
                module = pulse.plug_in("alpha")
                audio = await wait_until(lambda: not tracker.status.last_error)
                estimate = audio + await wait_until(_new_estimate(tracker))
                print(
                    f"{name}: detected after {detected:.2f} s ({reason}); audio again after "
                    f"{audio:.2f} s, estimates after {estimate:.2f} s",
                    flush=True,
                )
                await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])
    player.end()


async def run(pulse: PulseServer, seconds: float) -> None:
    """Print the regularity and latency of the estimates of `streamer run --input mic`."""
    pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), noise)
    async with running_streamer("--input", "mic") as program:
        started = time.time()
        await asyncio.sleep(seconds)
        print(f"playing: {program.summary(started)}")
    player.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "clock", "faults"))
    parser.add_argument("--seconds", type=float, default=60, help="duration of run and clock")
    parser.add_argument("--ppm", type=float, default=50, help="drift of the microphone's clock")
    options = parser.parse_args()
    pulse = PulseServer(("alpha",))
    os.environ.update(pulse.environment)
    pulse.start()
    try:
        match options.what:
            case "run":
                asyncio.run(run(pulse, options.seconds))
            case "clock":
                asyncio.run(clock(pulse, options.seconds, options.ppm))
            case "faults":
                asyncio.run(faults(pulse))
    finally:
        pulse.close()


if __name__ == "__main__":
    main()
