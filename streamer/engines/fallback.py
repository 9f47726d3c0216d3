"""An engine on a GPU, and what takes its place when it fails."""

import logging
import threading
from collections.abc import Callable

from streamer.engines.protocol import Array, Engine, Estimate
from streamer.errors import EngineError

logger = logging.getLogger(__name__)


class FallbackEngine:
    """Asks one engine until it fails, and from then on another.

    Parameters
    ----------
    first
        Asked as long as it answers.
    open_other
        Opens the other one.
    """

    def __init__(self, first: Engine, open_other: Callable[[], Engine]) -> None:
        self._engine = first
        self._open_other: Callable[[], Engine] | None = open_other
        self._lock = threading.Lock()
        self.trouble = first.trouble
        self.model, self.front_end, self.smoothing = first.model, first.front_end, first.smoothing

    @property
    def name(self) -> str:
        """What really runs."""
        return self._engine.name

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Answer for a batch of windows; see `Engine.infer`."""
        engine = self._engine
        try:
            return engine.infer(mel, cochleagram)
        except EngineError as error:
            return self._instead_of(engine, error).infer(mel, cochleagram)

    def _instead_of(self, failed: Engine, error: EngineError) -> Engine:
        with self._lock:
            if self._engine is failed:
                if self._open_other is None:
                    raise error
                self.trouble = f"{failed.name} failed: {error}"
                self._engine, self._open_other = self._open_other(), None
                logger.error("%s; %s goes on", self.trouble, self._engine.name)
            return self._engine
