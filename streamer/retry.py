"""Trying again without haste."""

import random


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
