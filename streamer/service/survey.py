"""How the zones fare at the time one asks, for whoever asks between two health messages."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from streamer.engines import Engine
from streamer.health import HealthReporter
from streamer.mqtt import Health, Publisher
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.recording import Recorder

FRESH = 1.0
"""Seconds for which an answer is given again, so that no asking costs more."""


class Survey:
    """Looks at a run; all of it belongs to the event loop's thread.

    Parameters
    ----------
    engine, publisher, trackers, recorder
        What runs; no recorder where nothing is recorded.

    Attributes
    ----------
    engine, publisher, trackers
        The same; the trackers by the names of their zones.
    """

    def __init__(
        self,
        engine: Engine,
        publisher: Publisher,
        trackers: Iterable[ZoneTracker],
        recorder: "Recorder | None" = None,
    ) -> None:
        self.engine = engine
        self.publisher = publisher
        self.trackers = {tracker.id: tracker for tracker in trackers}
        self._found: dict[str, Health] = {}
        self._reporter = HealthReporter(engine, publisher, recorder)
        self._looked = float("-inf")

    def health(self) -> Mapping[str, Health]:
        """Return how each zone fares, at most a second ago."""
        now = time.monotonic()
        if now - self._looked >= FRESH:
            self._found = self._reporter.look(self.trackers.values())
            self._looked = now
        return self._found
