"""What could be spared by not computing again what an update shares with the one before.

A token, eight frames, is the same in the next window but for the code of its distance from the
window's end, if windows end at whole tokens: its embedding before that code could be kept. Keys,
values and all behind them hang on the code and on the whole window. Timed is the network from the
embeddings on beside the whole: the most that keeping them could spare.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from damer.views import FrontEndSpec
from damer.weights import SHIPPED_MODEL

ROUNDS = 9
_RUNS = 200
_TOKEN_FRAMES = 8
_FRAMES_LATER = (_TOKEN_FRAMES - 1) / 2  # on average, to the last whole token
_SPEC = FrontEndSpec()


def measure_incremental(rounds: int = ROUNDS) -> dict[str, Any]:
    """Time the whole network and the network behind its token embeddings, in turn.

    Returns
    -------
    dict
        `whole_ms` and `behind_embedding_ms`, CPU time of a window, medians; `spared`, the share of
        the whole that keeping the embeddings could spare; `later_ms`, by how much later an estimate
        would come on average, for windows that end at whole tokens.
    """
    model = onnx.load(SHIPPED_MODEL)
    tokens = [node for node in model.graph.node if node.op_type == "LayerNormalization"][:2]
    outputs = [output.name for output in model.graph.output]
    with tempfile.TemporaryDirectory() as folder:
        behind = Path(folder, "behind.onnx")
        onnx.utils.extract_model(
            str(SHIPPED_MODEL), str(behind), [node.output[0] for node in tokens], outputs
        )
        sessions = [_session(SHIPPED_MODEL), _session(behind)]
    feeds = [_feed(session) for session in sessions]
    medians = np.array(
        [
            [_median(session, feed) for session, feed in zip(sessions, feeds, strict=True)]
            for _ in range(rounds)
        ]
    )
    whole, rest = np.median(medians, axis=0)
    return {
        "whole_ms": float(whole),
        "behind_embedding_ms": float(rest),
        "spared": float(1 - np.median(medians[:, 1] / medians[:, 0])),
        "later_ms": 1e3 * _FRAMES_LATER * _SPEC.hop / _SPEC.sample_rate,
    }


def _session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _feed(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        one.name: random.standard_normal((1, *one.shape[1:]), dtype=np.float32)
        for one in session.get_inputs()
    }


def _median(session: onnxruntime.InferenceSession, feed: dict[str, Any]) -> float:
    times = []
    for _ in range(_RUNS):
        begun = time.process_time()
        session.run(None, feed)
        times.append(1e3 * (time.process_time() - begun))
    return float(np.median(times))


def show_incremental(found: dict[str, Any]) -> None:
    """Print it."""
    print(
        f"a window {found['whole_ms']:.2f} ms, behind its token embeddings "
        f"{found['behind_embedding_ms']:.2f} ms: {100 * found['spared']:.0f} % to be spared, for "
        f"estimates {found['later_ms']:.0f} ms later on average"
    )
