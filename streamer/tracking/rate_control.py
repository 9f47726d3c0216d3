"""Reduce the estimate rate while the machine is too slow for it."""

import math

MAX_LOAD = 0.8
"""Largest share of the interval between estimates that an answer may take."""

RECOVERY_LOAD = 0.5
"""Share that an answer may take at a higher rate before the rate is raised to it."""

MAX_INTERVAL_S = 1.0
"""Longest interval between estimates under overload, in seconds."""


class RateController:
    """Limits the estimate rate to a whole fraction of the target while answers take too long.

    One slow answer costs a tick and nothing else. The second in a row lowers the rate to what the
    faster of the two allows. The first answer that is fast enough raises it at once.

    Parameters
    ----------
    target_rate
        Estimates per second.

    Attributes
    ----------
    tick_stride
        An estimate is made at every `tick_stride`-th tick. 1 at the target rate.
    """

    def __init__(self, target_rate: float) -> None:
        self.target_rate = target_rate
        self.tick_stride = 1
        self._slow_stride: int | None = None  # what the last answer needed, if it was too slow

    @property
    def rate(self) -> float:
        """Current estimates per second, in Hz."""
        return self.target_rate / self.tick_stride

    @property
    def is_limited(self) -> bool:
        """Whether the rate is below the target."""
        return self.tick_stride > 1

    def record(self, seconds: float) -> bool:
        """Record how long an answer took; return whether the rate has changed."""
        before = self.tick_stride
        needed = self._stride_for(seconds, MAX_LOAD)
        if needed > self.tick_stride:
            if self._slow_stride is not None:
                self.tick_stride = min(self._slow_stride, needed)
            self._slow_stride = needed
        else:
            self._slow_stride = None
            self.tick_stride = min(self.tick_stride, self._stride_for(seconds, RECOVERY_LOAD))
        return self.tick_stride != before

    def _stride_for(self, seconds: float, load: float) -> int:
        """Return the smallest stride at which an answer takes no more than `load` of it."""
        largest = max(math.floor(MAX_INTERVAL_S * self.target_rate), 1)
        return min(max(math.ceil(seconds * self.target_rate / load), 1), largest)
