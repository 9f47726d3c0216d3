"""streamer: a complete update, from 0.1 s at 44.1 kHz to the smoothed estimate."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.protocol import STEP_SECONDS, Audio, Update, contend
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
    pushed = 0

    def push(samples: Audio) -> None:
        nonlocal pushed
        for window in listener.push(Block(samples, pushed, pushed / RATE)):
            trajectory.step(window, *infer_windows(engine, [window]))
        pushed += len(samples)

    for _ in range(12):  # the first second gives no estimate; peers start with one
        push(np.zeros(step, np.float32))
    return lambda audio, end: push(audio[end - step : end])


if __name__ == "__main__":
    contend(RATE, prepare)
