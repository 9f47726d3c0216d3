"""How fast to play what a server sends at the pace of its own clock."""

import math

PERIOD = 30.0
"""Seconds of sound over which a level is averaged before anything is steered by it."""

LIMIT = 500e-6
"""The most by which the pace is changed: more than any two crystals differ."""

JUMP = 0.5
"""A level this far off, in seconds, is a stall or a burst, not drift: it is the new aim."""

BANDWIDTH = 2.5e-4
"""Natural frequency of the settled loop in Hz: minutes, so that jitter of the network is no drift.
"""

_FIRST = 0.35  # of the periods' rate: what the loop may follow at first, narrowing as 1 / time
_TOLD_AFTER = 40  # periods; before, it says more of the network than of the clock


class Steering:
    """A loop of second order from the level of a buffer to the pace at which it is emptied.

    Proportional to the level's error, which holds the level, and to its integral, which becomes the
    difference of the clocks. It begins quick and narrows to `BANDWIDTH`. The level that it holds is
    the one it finds, since that is the server's burst.

    Parameters
    ----------
    least
        The lowest level to hold, in seconds.

    Attributes
    ----------
    ratio
        Pace over the nominal one, within 1 +- `LIMIT`.
    """

    def __init__(self, least: float) -> None:
        self.ratio = 1.0
        self._least = least
        self._drift = 0.0
        self._followed = 0  # periods, over all aims
        self._aim: float | None = None
        self.settle()

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the server runs, in ppm; 0 for its first twenty minutes."""
        return self._drift * 1e6 if self._followed >= _TOLD_AFTER else 0.0

    def settle(self) -> None:
        """Find a new level to hold, after a stall or a burst; what is known of the clock stays."""
        self._aim = None
        self._settled = False
        self._begin_period()
        self.ratio = 1 + self._drift

    def let_go(self) -> None:
        """Play at the nominal pace: the server sends as fast as it may, its clock is not heard."""
        self._drift = 0.0
        self._followed = 0
        self.settle()

    def observe(self, level: float, seconds: float) -> None:
        """Take in the level after a stretch of playing.

        Parameters
        ----------
        level
            Sound that waits, in seconds.
        seconds
            Played since the last observation.
        """
        self._sum += level * seconds
        self._lasted += seconds
        if self._lasted < PERIOD:
            return
        mean = self._sum / self._lasted
        self._begin_period()
        if not self._settled:  # the first period holds the burst
            self._settled = True
        elif self._aim is None:
            self._aim = max(mean, self._least)
        elif abs(mean - self._aim) > JUMP:
            self.settle()
        else:
            self._steer(mean - self._aim)

    def _begin_period(self) -> None:
        self._sum = 0.0
        self._lasted = 0.0

    def _steer(self, error: float) -> None:
        self._followed += 1
        omega = max(2 * math.pi * BANDWIDTH, _FIRST / (PERIOD * self._followed))
        self._drift = _limited(self._drift + omega**2 * PERIOD * error)
        self.ratio = 1 + _limited(self._drift + math.sqrt(2) * omega * error)


def _limited(difference: float) -> float:
    return min(max(difference, -LIMIT), LIMIT)
