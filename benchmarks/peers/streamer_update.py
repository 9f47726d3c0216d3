"""Ours: a whole update, from blocks of 20 ms to the smoothed valence and arousal."""

import sys
from pathlib import Path

from benchmarks.peers.protocol import STEP_SECONDS, Sound, Update, contend
from streamer.audio import Block
from streamer.engines import OnnxEngine
from streamer.tracking.listener import Listener
from streamer.tracking.trajectory import Trajectory, infer

RATE = 22050
BLOCK = 441


def prepare() -> Update:
    engine = OnnxEngine(Path(sys.argv[2]))
    listener = Listener(RATE, engine.front_end, rate=1 / STEP_SECONDS)
    trajectory = Trajectory(RATE, "kalman", engine.smoothing, "decay")
    step = round(STEP_SECONDS * RATE)
    heard = 0

    def update(sound: Sound, end: int) -> None:
        nonlocal heard
        for start in range(end - step, end, BLOCK):
            samples = sound[start : start + BLOCK]
            for window in listener.push(Block(samples, heard, heard / RATE)):
                trajectory.step(window, *infer(engine, [window]))
            heard += len(samples)

    return update


if __name__ == "__main__":
    contend(RATE, prepare)
