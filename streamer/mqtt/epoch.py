"""From the time by which we track to the time of day, which may be set at any moment."""

import logging
import time

JUMP = 0.5
"""Seconds by which the clock has to move at once to be told; less is steering or a busy machine."""

_ONE_MOMENT = 1e-4  # seconds
_LOOKS = 5

_log = logging.getLogger(__name__)


class EpochClock:
    """Tells how far 1970 lies from the beginning of monotonic time, and says when that jumps.

    Sound and trajectory follow monotonic time and do not notice.
    """

    def __init__(self) -> None:
        self._offset = self._look()

    def offset(self) -> float:
        """Return the seconds to add to `time.monotonic()`."""
        before, self._offset = self._offset, self._look()
        jump = self._offset - before
        if abs(jump) > JUMP:
            _log.warning(
                "the clock of this machine was set by %+.1f s, or it slept; time stamps follow it, "
                "tracking goes on",
                jump,
            )
        return self._offset

    @staticmethod
    def _look() -> float:
        """Read both clocks at one moment: whoever is interrupted between them looks again."""
        narrowest, offset = float("inf"), 0.0
        for _ in range(_LOOKS):
            before, now, after = time.monotonic(), time.time(), time.monotonic()
            if after - before < narrowest:
                narrowest, offset = after - before, now - (before + after) / 2
            if narrowest < _ONE_MOMENT:
                break
        return offset
