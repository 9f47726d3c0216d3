"""Engines of this machine: agreement with ONNX Runtime, latency and windows/s by batch size.

Builds TensorRT engines of the shipped weights in single and half precision for the present GPU,
runs them and torch beside ONNX Runtime, and writes JSON. Without a GPU it exits with 1.
Usage: python -m benchmarks.gpu [OUTPUT.json]
"""

import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from damer.views import FrontEnd
from damer.weights import SHIPPED_MODEL
from deploy.weight_precision import convert_to_half
from streamer.demo import PIECE
from streamer.engines import Engine, OnnxEngine
from streamer.engines.cuda import find_gpu
from streamer.engines.protocol import Array
from streamer.engines.tensorrt.builder import build_engine, load_library
from streamer.engines.tensorrt.engine_cache import save_engine
from streamer.engines.tensorrt.tensorrt_engine import TensorRTEngine
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import EngineError
from training.sound.render import decode

BATCH_SIZES = (1, 8, 32, 128, 512, 2048, 4096)
_WINDOWS = 64
_SECONDS = 2.0
_MIN_RUNS = 7
_AXES = ("valence", "arousal", "valence_std", "arousal_std")


def main(output: Path) -> None:
    try:
        gpu = find_gpu()
    except EngineError as error:
        raise SystemExit(f"cannot benchmark GPU engines: {error}") from None
    reference = OnnxEngine(SHIPPED_MODEL)
    views = _music(reference)
    expected = reference.infer(*views)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, open_engine in _engines(Path(folder), gpu.capability):
            try:
                engine = reference if open_engine is None else open_engine()
            except EngineError as error:
                print(f"{name}: {error}")
                found[name] = {"error": str(error)}
                continue
            estimate = engine.infer(*views)
            apart = [np.abs(getattr(estimate, a) - getattr(expected, a)).max() for a in _AXES]
            found[name] = {"engine": engine.name, "apart": float(max(apart))}
            print(f"{name} ({engine.name}): {max(apart):.1e} from ONNX Runtime")
            found[name]["batches"] = {size: _time(engine, views, size) for size in BATCH_SIZES}
    result = {
        "gpu": gpu._asdict(),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
        "engines": found,
    }
    output.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(f"wrote {output}")


def _engines(folder: Path, capability: str) -> Iterator[tuple[str, Callable[[], Engine] | None]]:
    half = folder / "half.onnx"
    convert_to_half(SHIPPED_MODEL, half)
    yield "onnxruntime", None
    for name, model in (("tensorrt", SHIPPED_MODEL), ("tensorrt in half precision", half)):
        yield name, partial(_build, model, capability, folder)
    yield "torch", partial(TorchEngine, SHIPPED_MODEL, batches=BATCH_SIZES)


def _build(model: Path, capability: str, folder: Path) -> Engine:
    library = load_library()
    content = build_engine(model, library, (capability,), BATCH_SIZES)
    save_engine(content, model, library, (capability,), BATCH_SIZES, folder)
    return TensorRTEngine(model, folder)


def _music(engine: Engine) -> tuple[Array, Array]:
    """Return windows of the demo piece: mel (n, bands, T) and cochleagram (n, channels, T)."""
    spec = engine.front_end
    frames = FrontEnd(spec).push(decode(PIECE, spec.sample_rate))
    ends = np.linspace(spec.window_frames, len(frames.mel), _WINDOWS).astype(int)
    mel, cochleagram = (
        np.stack([view[end - spec.window_frames : end].T for end in ends])
        for view in (frames.mel, frames.cochleagram)
    )
    return mel, cochleagram


def _time(engine: Engine, views: tuple[Array, Array], size: int) -> dict[str, float]:
    mel, cochleagram = (np.resize(view, (size, *view.shape[1:])) for view in views)
    engine.infer(mel, cochleagram)
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < _MIN_RUNS or time.perf_counter() - started < _SECONDS:
        start = time.perf_counter()
        engine.infer(mel, cochleagram)
        times.append(time.perf_counter() - start)
    median, p99 = np.percentile(times, [50, 99])
    print(
        f"  {size:5} windows {1e3 * median:9.3f} ms, p99 {1e3 * p99:9.3f}, {size / median:9.0f}/s"
    )
    return {"ms_p50": 1e3 * median, "ms_p99": 1e3 * p99, "windows_per_s": size / median}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("benchmarks/gpu.json"))
