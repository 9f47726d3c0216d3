"""Step response: time until published arousal reaches 63 % from calm to energetic music.

Joins the calmest clips of musemodataset to the most energetic ones; without its recordings, the
demo piece's calm section to its joyful one.
"""

import asyncio
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.batch.analysis import analyze
from streamer.config import Tracking
from streamer.demo import PIECE
from streamer.engines import open_engine
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, recording
from tests.support.streamer_process import running_streamer
from training.datasets import read_data_sets
from training.options import DEFAULT_DATA
from training.sound.render import Rendering, decode, load_audio

_SHARE = 0.63
_PAIRS = 12
_PART_SECONDS = 15.0
_GRID = np.arange(-2.0, 12.0, 0.05)
_CALM, _JOYFUL = 5.0, 25.0  # seconds of the demo piece

Times = NDArray[np.float64]
Audio = NDArray[np.float32]


def measure_response(live_pairs: int = 4) -> dict[str, Any]:
    """Analyse the joins as files, and the first of them live through a microphone.

    Returns
    -------
    dict
        `music`, and for "file" and "microphone" the number of `joins` and, in seconds, `smoothed`
        and `raw`: from the join until the mean over all joins reaches 63 %; for the file
        in audio time, for the microphone until the message arrives.
    """
    music, pairs = _pairs()
    pulse = PulseServer(("alpha",))
    with pulse.running():
        pulse.plug_in("alpha")
        live = asyncio.run(_live(pulse.pipe("alpha"), pairs[:live_pairs]))
    return {"music": music, "file": _from_file(pairs), "microphone": live}


def _pairs() -> tuple[str, list[tuple[Audio, Audio]]]:
    try:
        pieces = read_data_sets(["musemodataset"], DEFAULT_DATA)
    except (OSError, ValueError):
        piece = decode(PIECE, RATE)
        calm, joyful = (piece[round(RATE * at) :] for at in (_CALM, _JOYFUL))
        return "demo piece", [(_part(calm), _part(joyful))]
    ranked = sorted(pieces, key=lambda one: float(one.arousal.mean()))
    chosen = zip(ranked[:_PAIRS], ranked[::-1][:_PAIRS], strict=True)
    return "musemodataset", [
        (_part(load_audio(calm, Rendering(), RATE)), _part(load_audio(excited, Rendering(), RATE)))
        for calm, excited in chosen
    ]


def _part(audio: Audio) -> Audio:
    """Return `_PART_SECONDS` of audio, repeated if it is shorter."""
    return np.resize(audio, round(_PART_SECONDS * RATE))


def _from_file(pairs: list[tuple[Audio, Audio]]) -> dict[str, Any]:
    engine = open_engine()
    traces = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in pairs:
            path = Path(folder, "join.wav")
            _write(path, np.concatenate(pair))
            updates, _ = analyze(path, engine, Tracking())
            times = np.array([update.time for update in updates]) - _PART_SECONDS
            arousal = [(update.smooth.arousal, update.raw.arousal) for update in updates]
            traces.append(_trace(times, np.array(arousal)))
    return _figures(traces)


async def _live(pipe: Path, pairs: list[tuple[Audio, Audio]]) -> dict[str, Any]:
    audio = np.concatenate([np.zeros(10 * RATE, np.float32), *map(np.concatenate, pairs)])
    epoch = time.time() - time.monotonic()
    with MicrophonePlayer(pipe, recording(audio)) as player:
        async with running_streamer("--input", "mic", "--device", "alpha", "--no-view") as program:
            await asyncio.sleep(player.time_of(len(audio)) - time.monotonic())
    arrivals = np.array([at for at, _ in program.estimates])
    arousal = np.array(
        [(one["arousal"], one["raw"]["arousal"]) for _, one in program.estimates], dtype=np.float64
    )
    traces = []
    for k in range(len(pairs)):
        join = player.time_of(round((10 + (2 * k + 1) * _PART_SECONDS) * RATE)) + epoch
        traces.append(_trace(arrivals - join, arousal))
    return _figures(traces)


def _trace(times: Times, arousal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the latest smoothed and raw arousal at each time of the grid, (2, times)."""
    last = np.searchsorted(times, _GRID, side="right") - 1
    return arousal[last].T


def _figures(traces: list[NDArray[np.float64]]) -> dict[str, Any]:
    smoothed, raw = map(_response, np.mean(traces, axis=0))
    return {"joins": len(traces), "smoothed": smoothed, "raw": raw}


def _response(trace: NDArray[np.float64]) -> float:
    before, after = trace[_GRID < 0].mean(), trace[_GRID >= 10.0].mean()
    progress = (trace - before) / (after - before)
    return float(_GRID[(progress >= _SHARE) & (_GRID >= 0)][0])


def _write(path: Path, audio: Audio) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(32767 * np.clip(audio, -1, 1)).astype("<i2").tobytes())


def show_response(found: dict[str, Any]) -> None:
    """Print the measurement."""
    print(f"calm to energetic ({found['music']}), seconds until 63 %:  smoothed  raw")
    for source in ("file", "microphone"):
        one = found[source]
        print(f"  {source}, {one['joins']} joins: {one['smoothed']:8.2f} {one['raw']:8.2f}")
