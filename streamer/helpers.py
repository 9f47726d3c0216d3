"""Trying again without haste.

A token bucket: lets so much through in the long run, and a little more at once.

From the time by which we track to the time of day, which may be set at any moment.

Text that came from elsewhere, as it may be shown: on one line, and not too much of it.
"""

import logging
import random
import time

from streamer import limits


class Backoff:
    """Waiting times that double up to a cap, with jitter, and begin anew after healthy time.

    Parameters
    ----------
    first, cap
        First and largest waiting time in seconds; what is waited is 50 to 100 % of it.
    healthy
        Seconds of success after which the next waiting time is the first again.
    """

    def __init__(self, *, first: float = 0.1, cap: float = 2.0, healthy: float = 5.0) -> None:
        self._first = first
        self._cap = cap
        self._healthy = healthy
        self._next = first

    def delay(self, lasted: float = 0.0) -> float:
        """Return how many seconds to wait after a try that went well for `lasted` seconds."""
        if lasted >= self._healthy:
            self._next = self._first
        now = self._next
        self._next = min(self._cap, 2 * now)
        return now * random.uniform(0.5, 1.0)


class Bucket:
    """Lets so many through in a second, and up to `most` at once after a quiet time."""

    def __init__(self, rate: float, most: float) -> None:
        self._rate, self._most = rate, most
        self._left, self._filled = most, time.monotonic()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = time.monotonic()
        self._left = min(self._most, self._left + self._rate * (now - self._filled))
        self._filled = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


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


def printable(text: str) -> str:
    """Return text on one line, with an escape for what a terminal would not print."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def brief(text: str, most: int = limits.MAX_ERROR_REASON_CHARS) -> str:
    """Return the beginning of a text, printable."""
    text = printable(text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "…"
