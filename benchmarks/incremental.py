"""Measure what caching token embeddings between overlapping windows could save at most.

If windows end at whole tokens (eight frames), the next window contains the same tokens except for
their position codes, so their embeddings before that code could be cached. Keys, values and all
later layers depend on the code and on the whole window. The network from the embeddings on is timed
next to the whole network.
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
_REPETITIONS = 200
_TOKEN_FRAMES = 8
_FRAMES_LATER = (_TOKEN_FRAMES - 1) / 2  # mean distance to the end of the last whole token
_SPEC = FrontEndSpec()


def measure_incremental(rounds: int = ROUNDS) -> dict[str, Any]:
    """Time the whole network and the part after its token embeddings, alternately.

    Returns
    -------
    dict
        `whole_ms` and `behind_embedding_ms`: median CPU time per window; `spared`: share of it that
        caching could save; `later_ms`: mean added latency, because windows end at whole tokens.
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
    inputs = [_inputs(session) for session in sessions]
    medians = np.array(
        [
            [_median_ms(session, values) for session, values in zip(sessions, inputs, strict=True)]
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


def _inputs(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        one.name: random.standard_normal((1, *one.shape[1:]), dtype=np.float32)
        for one in session.get_inputs()
    }


def _median_ms(session: onnxruntime.InferenceSession, inputs: dict[str, Any]) -> float:
    times = []
    for _ in range(_REPETITIONS):
        started = time.process_time()
        session.run(None, inputs)
        times.append(1e3 * (time.process_time() - started))
    return float(np.median(times))


def show_incremental(found: dict[str, Any]) -> None:
    """Print the result of `measure_incremental`."""
    print(
        f"per window {found['whole_ms']:.2f} ms, after its token embeddings "
        f"{found['behind_embedding_ms']:.2f} ms: caching would save {100 * found['spared']:.0f} % "
        f"and delay estimates by {found['later_ms']:.0f} ms on average"
    )
