"""End-to-end latency: from a click with a tone to the first message affected by it."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import percentiles
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer
from tests.support.streamer_process import StreamerProcess, running_streamer

_FIRST = 6.0  # s
_INTERVAL = (3.7, 4.7)  # s; longer than the window, so that each event follows a silent window
_CLICK, _TONE_HZ, _TONE_SECONDS = 0.9, 440.0, 0.3


def measure_events(count: int = 60) -> dict[str, Any]:
    """Play events in silence to `streamer run`, through a pipe and a microphone.

    Returns
    -------
    dict
        By source: `event_to_message_ms` from an event until the first message whose raw estimate
        differs from that of silence; `latency_ms` of the messages, and `network_ms`, the time
        from publishing to arrival; `events` found and `missed`; `ts_error_ms`, the largest error
        of a message's `ts`: by how much an event lay outside the audio new in that message.
    """
    moments = _moments(count)
    found = {}
    with _named_pipe() as (path, descriptor):
        options = ("--input", "-", "--raw-rate", str(RATE), "--raw-channels", "1")
        found["pipe"] = asyncio.run(_record(path, moments, options, stdin=descriptor))
    pulse = PulseServer(("alpha",))
    with pulse.running():
        pulse.plug_in("alpha")
        found["microphone"] = asyncio.run(
            _record(pulse.pipe("alpha"), moments, ("--input", "mic", "--device", "alpha"))
        )
    return found


def _moments(count: int) -> NDArray[np.int64]:
    """Return the sample positions of the events, at random phases of the ticks."""
    apart = np.random.default_rng(0).uniform(*_INTERVAL, count)
    return np.round(RATE * (_FIRST + np.cumsum(apart))).astype(np.int64)


@contextlib.contextmanager
def _named_pipe() -> Iterator[tuple[Path, int]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audio")
        os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR)
        try:
            yield path, descriptor
        finally:
            os.close(descriptor)


async def _record(
    pipe: Path, moments: NDArray[np.int64], options: tuple[str, ...], stdin: int | None = None
) -> dict[str, Any]:
    audio = _make_audio(moments)

    def compose(first: int, last: int) -> NDArray[np.int16]:
        return np.pad(audio[first:last], (0, max(0, last - max(first, len(audio)))))

    epoch = time.time() - time.monotonic()
    with MicrophonePlayer(pipe, compose) as player:
        async with running_streamer(*options, "--no-view", stdin=stdin) as program:
            started = time.time()
            await asyncio.sleep(player.time_of(len(audio)) + epoch - started)
            await asyncio.sleep(1.0)
    times = [player.time_of(int(moment)) + epoch for moment in moments]
    return match_events(program, [at for at in times if at > started + _INTERVAL[0]])


def _make_audio(moments: NDArray[np.int64]) -> NDArray[np.int16]:
    tone_time = np.arange(round(_TONE_SECONDS * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * _TONE_HZ * tone_time)
    tone[0] = _CLICK
    audio = np.zeros(moments[-1] + RATE, np.int16)
    for moment in moments:
        audio[moment : moment + len(tone)] = np.round(32767 * tone)
    return audio


def match_events(program: StreamerProcess, events: list[float]) -> dict[str, Any]:
    """Find the first message affected by each event; see `measure_events`.

    Parameters
    ----------
    program
        The process that published.
    events
        `time.time()` at which each event was played.
    """
    estimates = program.estimates
    arrivals = np.array([at for at, _ in estimates])
    delays, error, missed = [], 0.0, 0
    for event in events:
        k = int(np.searchsorted(arrivals, event))
        quiet = estimates[k - 1][1]
        while k < len(estimates) and estimates[k][1]["raw"] == quiet["raw"]:
            quiet, k = estimates[k][1], k + 1
        if k == len(estimates) or arrivals[k] - event > 1.0:
            missed += 1
            continue
        delays.append(1e3 * (arrivals[k] - event))
        beyond = (1e3 * event - estimates[k][1]["ts"], quiet["ts"] - 1e3 * event)
        error = max(error, *beyond)
    latency = np.array([payload["latency_ms"] for _, payload in estimates])
    stamps = np.array([payload["ts"] for _, payload in estimates])
    return {
        "events": len(delays),
        "missed": missed,
        "event_to_message_ms": percentiles(delays or [float("nan")]),
        "ts_error_ms": error,
        "latency_ms": percentiles(latency),
        "network_ms": percentiles(1e3 * arrivals - stamps - latency),
    }


def show_events(found: dict[str, Any]) -> None:
    """Print the measurement."""
    for source, one in found.items():
        print(f"{source}: {one['events']} events found, {one['missed']} missed; ms, p50 / p99:")
        for name in ("event_to_message_ms", "latency_ms", "network_ms"):
            print(f"  {name[:-3]:18} {one[name]['p50']:6.1f} /{one[name]['p99']:6.1f}")
        print(f"  largest error of ts {one['ts_error_ms']:.1f}")
