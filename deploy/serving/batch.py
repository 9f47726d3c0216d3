"""Batching of inference requests: run the requests of several streamers in one call."""

from typing import NamedTuple

import numpy as np

from streamer.engines import Engine
from streamer.engines.protocol import Array, Estimate
from streamer.errors import EngineError


class InferenceRequest(NamedTuple):
    """Windows of one streamer.

    Attributes
    ----------
    mel, cochleagram
        Shapes (B, mel_bands, T) and (B, gammatone_channels, T).
    expires
        `time.monotonic()` after which the streamer discards the response.
    """

    mel: Array
    cochleagram: Array
    expires: float


def count_windows(requests: list[InferenceRequest]) -> int:
    """Count the windows of several requests."""
    return sum(len(request.mel) for request in requests)


def infer_requests(
    engine: Engine, requests: list[InferenceRequest], now: float
) -> list[Estimate | EngineError]:
    """Run the requests that have not expired in one call; return a result for each request."""
    pending = [request for request in requests if request.expires > now]
    if not pending:
        return [EngineError("too late") for _ in requests]
    try:
        estimate = engine.infer(
            np.concatenate([request.mel for request in pending]),
            np.concatenate([request.cochleagram for request in pending]),
        )
    except EngineError as error:
        return [error for _ in requests]
    columns = np.stack(
        (estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std)
    )
    ends = np.cumsum([len(request.mel) for request in pending])
    parts = iter(np.split(columns, ends[:-1], axis=1))
    return [
        Estimate(*next(parts)) if request.expires > now else EngineError("too late")
        for request in requests
    ]
