"""An engine that is replaced when it fails: by another kind where that will do, else by itself."""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from streamer.engines.protocol import Array, Engine, Estimate
from streamer.errors import EngineError

REST = 2.0
"""Seconds from one replacement to the next, at least; until then a failure is just one."""

_LOCKED = 1.0  # seconds to wait for whoever is replacing it; that may hang, too

logger = logging.getLogger(__name__)


class FailoverEngine:
    """Asks one engine until it fails, hangs, or answers nonsense, and from then on another.

    Parameters
    ----------
    first
        Asked as long as it answers.
    open_next
        Opens what takes the place of one that failed: one of another kind, or the same anew.
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
        """What really runs."""
        return self._engine.name

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Answer for a batch of windows; see `Engine.infer`.

        Raises
        ------
        EngineError
            It failed, and so did what took its place, or it was replaced a moment ago.
        """
        engine = self._engine
        try:
            return _ask(engine, mel, cochleagram)
        except EngineError as error:
            reason = str(error)
        return _ask(self._instead_of(engine, reason), mel, cochleagram)

    def replace(self, reason: str) -> None:
        """Open another engine, since this one does not answer.

        Raises
        ------
        EngineError
            There is none, or it was replaced a moment ago.
        """
        self._instead_of(self._engine, reason)

    def _instead_of(self, failed: Engine, reason: str) -> Engine:
        if not self._lock.acquire(timeout=_LOCKED):
            raise EngineError(f"{failed.name} failed: {reason}; what takes its place does not open")
        try:
            if self._engine is failed:
                if time.monotonic() - self._replaced < REST:
                    raise EngineError(reason)
                self._replaced = time.monotonic()
                self._engine = self._open_next()
                told = f"{failed.name} failed: {reason}"
                if self._engine.name != failed.name:
                    self.last_error = told
                logger.error("%s; %s goes on", told, self._engine.name, extra={"cause": "engine"})
            return self._engine
        finally:
            self._lock.release()


def _ask(engine: Engine, mel: Array, cochleagram: Array) -> Estimate:
    """Return an answer that can be one.

    What an engine raised is not kept: its frames would keep the engine, and the memory of a GPU.
    """
    try:
        estimate = engine.infer(mel, cochleagram)
    except EngineError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - what a library raises shares no base class
        reason = f"{type(error).__name__}: {error}"
    else:
        return validate_estimate(estimate)
    raise EngineError(reason)


def validate_estimate(estimate: Estimate) -> Estimate:
    """Return an answer that can be one.

    Raises
    ------
    EngineError
        It is not finite, or out of range.
    """
    if not _possible(estimate):
        raise EngineError("its answer is not finite, or out of range")
    return estimate


def _possible(estimate: Estimate) -> bool:
    points = np.stack((estimate.valence, estimate.arousal))
    deviations = np.stack((estimate.valence_std, estimate.arousal_std))
    return bool(
        np.all(np.abs(points) <= 1.0) and np.all((deviations > 0) & np.isfinite(deviations))
    )
