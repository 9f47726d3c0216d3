"""CPU time of one update at 10 Hz on one core, for the window of each recipe.

An update is 0.1 s of sound through both views in blocks of 20 ms, and one window through ONNX
Runtime. Weights do not matter to the cost, so they are not fitted.
"""

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from damer.nn import DAMER
from damer.views import FrontEnd
from deploy.export import export_onnx
from streamer.engines import KalmanSettings, OnnxEngine
from training.fitting.recipe import RECIPES, FitRecipe, Recipe, load_recipe

_BLOCK = 441
_BLOCKS_PER_UPDATE = 5
_ROUNDS = 200


def main() -> None:
    torch.set_num_threads(1)
    sound = np.random.default_rng(0).standard_normal(_BLOCK).astype(np.float32) * 0.1
    print("recipe        views ms  engine ms  update ms (medians of", _ROUNDS, "updates)")
    for path in sorted(RECIPES.glob("*.toml")):
        views, network = _cost(load_recipe(FitRecipe, path.stem), sound)
        print(f"{path.stem:12} {views:9.2f} {network:10.2f} {views + network:10.2f}")


def _cost(recipe: Recipe, sound: np.ndarray) -> tuple[float, float]:
    spec = recipe.front_end
    front_end, engine = FrontEnd(spec), _engine(recipe)
    mel = np.zeros((1, spec.mel_bands, spec.window_frames), np.float32)
    cochleagram = np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32)

    def hear() -> None:
        for _ in range(_BLOCKS_PER_UPDATE):
            front_end.push(sound)

    return _median_ms(hear), _median_ms(lambda: engine.infer(mel, cochleagram))


def _engine(recipe: Recipe) -> OnnxEngine:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        export_onnx(
            DAMER(recipe.network),
            recipe.front_end,
            path,
            name=recipe.name,
            smoothing=KalmanSettings((0.1, 0.1), 1.0, (1.0, 1.0)),
            training={},
            metrics={},
        )
        return OnnxEngine(path)


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1e3 * median(times)


if __name__ == "__main__":
    main()
