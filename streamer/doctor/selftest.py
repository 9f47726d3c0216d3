"""One second of sound through the whole corridor, timed."""

import time

import numpy as np

from streamer.audio import Block
from streamer.config import Tracking
from streamer.doctor.finding import Finding
from streamer.engines import Engine
from streamer.tracking.listener import Listener, Window
from streamer.tracking.trajectory import infer

_RATE = 44100
_BLOCK = 882
_WARM_UP, _SECONDS = 1.0, 1.0
_BUSY = 50.0  # percent of a core, from which a loaded machine drops estimates


def examine_speed(engine: Engine, tracking: Tracking) -> Finding:
    """Hear one second and estimate it as often as `run` does; say what that costs."""
    random = np.random.default_rng(0)
    listener = Listener(_RATE, engine.front_end, tracking.rate)
    windows: list[Window] = []
    begun = time.perf_counter()
    for start in range(0, round((_WARM_UP + _SECONDS) * _RATE), _BLOCK):
        if start == round(_WARM_UP * _RATE):
            windows.clear()
            begun = time.perf_counter()
        samples = random.normal(0, 0.1, _BLOCK).astype(np.float32)
        windows += listener.push(Block(samples, start, start / _RATE))
    heard = time.perf_counter()
    for window in windows:
        infer(engine, [window])
    done = time.perf_counter()
    hearing, thinking = (heard - begun) * 1e3, (done - heard) * 1e3
    load = (hearing + thinking) / (_SECONDS * 10.0)
    seen = (
        f"1 s of sound: heard in {hearing:.1f} ms, {len(windows)} estimates in {thinking:.1f} ms "
        f"({thinking / max(len(windows), 1):.1f} ms each); {load:.0f} % of a core"
    )
    if load < _BUSY:
        return Finding("speed", "ok", seen)
    return Finding("speed", "warn", seen, "lower [tracking] rate, or free the machine")
