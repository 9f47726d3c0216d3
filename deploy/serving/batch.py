"""Questions of several streamers, answered as one."""

from typing import NamedTuple

import numpy as np

from streamer.engines import Engine
from streamer.engines.protocol import Array, Estimate
from streamer.errors import EngineError


class Question(NamedTuple):
    """Windows of one streamer.

    Attributes
    ----------
    mel, cochleagram
        Of shapes (B, mel_bands, T) and (B, gammatone_channels, T).
    expires
        `time.monotonic()` after which nobody waits for the answer.
    """

    mel: Array
    cochleagram: Array
    expires: float


def count_windows(questions: list[Question]) -> int:
    """Count the windows of several questions."""
    return sum(len(question.mel) for question in questions)


def answer(engine: Engine, questions: list[Question], now: float) -> list[Estimate | EngineError]:
    """Answer those questions that somebody still waits for, in one call of the engine."""
    awaited = [question for question in questions if question.expires > now]
    if not awaited:
        return [EngineError("too late") for _ in questions]
    try:
        whole = engine.infer(
            np.concatenate([question.mel for question in awaited]),
            np.concatenate([question.cochleagram for question in awaited]),
        )
    except EngineError as error:
        return [error for _ in questions]
    columns = np.stack((whole.valence, whole.arousal, whole.valence_std, whole.arousal_std))
    ends = np.cumsum([len(question.mel) for question in awaited])
    parts = iter(np.split(columns, ends[:-1], axis=1))
    return [
        Estimate(*next(parts)) if question.expires > now else EngineError("too late")
        for question in questions
    ]
