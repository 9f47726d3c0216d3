"""Trying again without haste and without chatter."""

import random
import time
from collections.abc import Callable


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


class Sparing:
    """Lets the same thing be said once in a while only.

    Parameters
    ----------
    interval
        Seconds for which a thing that was said stays unsaid.
    clock
        Monotonic time in seconds.
    """

    def __init__(
        self, interval: float = 60.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._said: dict[str, float] = {}

    def may_say(self, what: str) -> bool:
        """Return whether `what` was not said lately, and take it as said now."""
        now = self._clock()
        said = self._said.get(what)
        if said is not None and now - said < self._interval:
            return False
        self._said[what] = now
        return True
