"""A token bucket: lets so much through in the long run, and a little more at once."""

import time


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
