"""CPU time of one update at 10 Hz on one core, of the shipped weights or of given ONNX files.

An update is 0.1 s of sound through both views in blocks of 20 ms, and one window through ONNX
Runtime.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from damer.views import FrontEnd
from damer.weights import SHIPPED_MODEL
from streamer.engines import OnnxEngine

_BLOCK = 441
_BLOCKS_PER_UPDATE = 5
_ROUNDS = 1000
_WARM_UP = 20


def main(models: list[Path]) -> None:
    print(f"ms of CPU, median / p99 of {_ROUNDS} updates")
    print(f"{'model':24} {'views':>14} {'engine':>14} {'update':>14}")
    for path in models:
        cells = [f"{np.median(ms):6.2f} /{np.percentile(ms, 99):6.2f}" for ms in _cost(path)]
        print(f"{path.name:24} " + " ".join(cells))


def _cost(model: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    engine = OnnxEngine(model)
    spec = engine.front_end
    front_end = FrontEnd(spec)
    random = np.random.default_rng(0)
    sound = (0.1 * random.standard_normal(_BLOCK)).astype(np.float32)
    mel = random.standard_normal((1, spec.mel_bands, spec.window_frames), dtype=np.float32)
    tones = random.random((1, spec.gammatone_channels, spec.window_frames), dtype=np.float32)

    def hear() -> None:
        for _ in range(_BLOCKS_PER_UPDATE):
            front_end.push(sound)

    views, network = (_milliseconds(work) for work in (hear, lambda: engine.infer(mel, tones)))
    return views, network, views + network


def _milliseconds(work: Callable[[], object]) -> np.ndarray:
    times = np.empty(_ROUNDS + _WARM_UP)
    for k in range(len(times)):
        begun = time.process_time()
        work()
        times[k] = 1e3 * (time.process_time() - begun)
    return times[_WARM_UP:]


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [SHIPPED_MODEL])
