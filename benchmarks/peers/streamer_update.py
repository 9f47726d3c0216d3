"""Ours: a whole update, from a tenth of a second at 44.1 kHz to the smoothed estimate."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.protocol import STEP_SECONDS, Sound, Update, contend
from streamer.audio import Block
from streamer.engines import OnnxEngine
from streamer.tracking.batching import infer_windows
from streamer.tracking.trajectory import Trajectory
from streamer.tracking.windows import WindowStream

RATE = 44100


def prepare() -> Update:
    engine = OnnxEngine(Path(sys.argv[2]))
    listener = WindowStream(RATE, engine.front_end, rate=1 / STEP_SECONDS)
    trajectory = Trajectory(RATE, "kalman", engine.smoothing, "decay")
    step = round(STEP_SECONDS * RATE)
    heard = 0

    def hear(samples: Sound) -> None:
        nonlocal heard
        for window in listener.push(Block(samples, heard, heard / RATE)):
            trajectory.step(window, *infer_windows(engine, [window]))
        heard += len(samples)

    for _ in range(12):  # the first second gives no estimate, and nobody else begins without one
        hear(np.zeros(step, np.float32))
    return lambda sound, end: hear(sound[end - step : end])


if __name__ == "__main__":
    contend(RATE, prepare)
