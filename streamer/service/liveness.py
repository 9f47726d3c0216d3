"""Whether a run still does its work, as far as starting it anew would mend that."""

from collections.abc import Mapping

from streamer.tracking.zone import ZoneTracker

PATIENCE = 30.0
"""Seconds for which sound may reach a zone and no estimate come of it."""

_HEARD = 2.0  # seconds without a block after which a zone is held to hear nothing


class Liveness:
    """Finds zones that are stuck.

    A zone is stuck where sound reaches it all the time and no estimate comes of it: its engine
    hangs, or fails whatever takes its place. A microphone, a stream or a broker that is away is no
    reason: the zone seeks it by itself, and would have to after a new start, too.

    Looks are counted instead of seconds, so that time during which the whole program was stopped
    tells against nobody.

    Parameters
    ----------
    trackers
        By the names of the zones.
    interval
        Seconds from one look to the next.
    patience
        Seconds after which a zone is stuck.

    Attributes
    ----------
    trouble
        Which zone is stuck, and how; empty while none is.
    """

    def __init__(
        self, trackers: Mapping[str, ZoneTracker], interval: float, patience: float = PATIENCE
    ) -> None:
        self.trouble = ""
        self._trackers = trackers
        self._interval = interval
        self._patience = patience
        self._looks = dict.fromkeys(trackers, 0)  # without a new estimate
        self._estimates = dict.fromkeys(trackers, 0)

    def look(self) -> str:
        """Look at every zone once; return `trouble`."""
        stuck = []
        for zone, tracker in self._trackers.items():
            moved = tracker.estimates != self._estimates[zone]
            self._estimates[zone] = tracker.estimates
            self._looks[zone] = 0 if moved or not _hears(tracker) else self._looks[zone] + 1
            lasted = self._looks[zone] * self._interval
            if lasted >= self._patience:
                why = f" ({tracker.engine_trouble})" if tracker.engine_trouble else ""
                stuck.append(f"zone {zone} hears, but no estimate came for {lasted:.0f} s{why}")
        self.trouble = "; ".join(stuck)
        return self.trouble


def _hears(tracker: ZoneTracker) -> bool:
    begun = tracker.listener is not None and tracker.source is not None
    return begun and not tracker.ended and not tracker.trouble and tracker.waiting < _HEARD
