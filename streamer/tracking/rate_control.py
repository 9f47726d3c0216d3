"""How many of the ticks this machine has time for."""

import math

BUSY = 0.8
"""Share of a tick's time that an answer may take; beyond it, estimates are made less often."""

CALM = 0.5
"""Share that it may take at the rate to go back to."""

LONGEST = 1.0
"""Seconds that ticks are left out for at most, lest the first quick answer come late."""


class Pace:
    """The rate falls to a whole fraction of the wanted one while answers take too long.

    One late answer is an accident and costs a tick; the second in a row lowers the rate to what
    the quicker of them allows. The first that is soon enough again raises it at once.

    Parameters
    ----------
    wanted
        Estimates a second.

    Attributes
    ----------
    every
        Of how many ticks one is estimated.
    """

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.every = 1
        self._late: int | None = None  # what the last answer would have asked for

    @property
    def rate(self) -> float:
        """Estimates a second to be made now, in Hz."""
        return self.wanted / self.every

    @property
    def slowed(self) -> bool:
        """Whether fewer estimates are made than wanted."""
        return self.every > 1

    def answered(self, seconds: float) -> bool:
        """Take in how long an answer took; return whether that changed the rate."""
        before = self.every
        needed = self._ticks(seconds, BUSY)
        if needed > self.every:
            if self._late is not None:
                self.every = min(self._late, needed)
            self._late = needed
        else:
            self._late = None
            self.every = min(self.every, self._ticks(seconds, CALM))
        return self.every != before

    def _ticks(self, seconds: float, share: float) -> int:
        """Return of how many ticks' time the answer takes no more than this share."""
        most = max(math.floor(LONGEST * self.wanted), 1)
        return min(max(math.ceil(seconds * self.wanted / share), 1), most)
