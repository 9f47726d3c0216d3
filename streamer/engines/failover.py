"""Engine that replaces a failed engine, and validates every estimate."""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from streamer.engines.protocol import Array, Engine, Estimate
from streamer.errors import EngineError

MIN_REPLACE_INTERVAL = 2.0
"""Least time between two replacements, s; a failure within it raises."""

_LOCK_TIMEOUT = 1.0  # s to wait for another thread's replacement, which may hang

logger = logging.getLogger(__name__)


class FailoverEngine:
    """Uses one engine until it fails, hangs or returns an invalid estimate, then another.

    Parameters
    ----------
    first
        Engine in use until it fails.
    open_next
        Opens the replacement of a failed engine: another kind, or the same again.

    Attributes
    ----------
    model, front_end, smoothing
        As of `Engine`.
    last_error
        Why another kind of engine is in use, or "".
    """

    def __init__(self, first: Engine, open_next: Callable[[], Engine]) -> None:
        self._engine = first
        self._open_next = open_next
        self._lock = threading.Lock()
        self._replaced = float("-inf")
        self.last_error = first.last_error
        self.model, self.front_end, self.smoothing = first.model, first.front_end, first.smoothing

    @property
    def name(self) -> str:
        """Library and device in use."""
        return self._engine.name

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict a batch of windows; see `Engine.infer`.

        Raises
        ------
        EngineError
            The engine failed, and so did its replacement, or it was replaced a moment ago.
        """
        engine = self._engine
        try:
            return _infer_valid(engine, mel, cochleagram)
        except EngineError as error:
            reason = str(error)
        return _infer_valid(self._replacement(engine, reason), mel, cochleagram)

    def replace(self, reason: str) -> None:
        """Open another engine in place of one that hangs.

        Raises
        ------
        EngineError
            None can be opened, or the engine was replaced a moment ago.
        """
        self._replacement(self._engine, reason)

    def _replacement(self, failed: Engine, reason: str) -> Engine:
        """Return the engine that replaces `failed`; the first thread opens it."""
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT):
            raise EngineError(f"{failed.name} failed: {reason}; its replacement does not open")
        try:
            if self._engine is failed:
                if time.monotonic() - self._replaced < MIN_REPLACE_INTERVAL:
                    raise EngineError(reason)
                self._replaced = time.monotonic()
                self._engine = self._open_next()
                failure = f"{failed.name} failed: {reason}"
                if self._engine.name != failed.name:
                    self.last_error = failure
                message = "%s; continuing with %s"
                logger.error(message, failure, self._engine.name, extra={"cause": "engine"})
            return self._engine
        finally:
            self._lock.release()


def _infer_valid(engine: Engine, mel: Array, cochleagram: Array) -> Estimate:
    """Run an engine; raise EngineError for any failure or an invalid estimate.

    The original exception is dropped: its frames would keep the engine and its GPU memory alive.
    """
    try:
        estimate = engine.infer(mel, cochleagram)
    except EngineError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - the libraries' exceptions share no base class
        reason = f"{type(error).__name__}: {error}"
    else:
        return validate_estimate(estimate)
    raise EngineError(reason)


def validate_estimate(estimate: Estimate) -> Estimate:
    """Return the estimate if every number is finite and in range.

    Raises
    ------
    EngineError
        A number is not.
    """
    means = np.stack((estimate.valence, estimate.arousal))
    deviations = np.stack((estimate.valence_std, estimate.arousal_std))
    in_range = np.all(np.abs(means) <= 1.0)  # False for NaN
    if not (in_range and np.all((deviations > 0) & np.isfinite(deviations))):
        raise EngineError("the estimate is not finite, or out of range")
    return estimate
