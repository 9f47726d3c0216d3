"""Small shared helpers: back-off, rate limiting, clocks, text for display, optional packages."""

import importlib
import logging
import random
import time
from typing import Any

from streamer import limits
from streamer.errors import UsageError

MIN_CLOCK_JUMP_S = 0.5
"""Smallest change of the system clock that is logged, in seconds. Less is NTP or a busy machine."""

_MAX_SAMPLING_GAP = 1e-4  # seconds between two readings of one clock
_SAMPLING_ATTEMPTS = 5

_log = logging.getLogger(__name__)


class Backoff:
    """Exponential back-off with jitter; starts over after a long enough success.

    Parameters
    ----------
    initial, maximum
        First and longest delay in seconds. The actual delay is 50 to 100 % of it.
    reset_after
        Uptime in seconds after which the next delay is `initial` again.
    """

    def __init__(
        self, *, initial: float = 0.1, maximum: float = 2.0, reset_after: float = 5.0
    ) -> None:
        self._initial = initial
        self._maximum = maximum
        self._reset_after = reset_after
        self._next = initial

    def next_delay(self, uptime: float = 0.0) -> float:
        """Return the seconds to wait after an attempt that succeeded for `uptime` seconds."""
        if uptime >= self._reset_after:
            self._next = self._initial
        delay = self._next
        self._next = min(self._maximum, 2 * delay)
        return delay * random.uniform(0.5, 1.0)


class TokenBucket:
    """Rate limiter: `rate` events per second sustained, `burst` at once after a pause."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._refilled = burst, time.monotonic()

    def try_acquire(self) -> bool:
        """Use up one token; return False if none is left."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + self._rate * (now - self._refilled))
        self._refilled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class EpochClock:
    """Offset between `time.monotonic()` and the Unix epoch; logs when the system clock jumps.

    Audio and estimates are timed by the monotonic clock and are not affected by a jump.
    """

    def __init__(self) -> None:
        self._offset = self._measure()

    def offset(self) -> float:
        """Return the seconds to add to `time.monotonic()` for seconds since 1970."""
        before, self._offset = self._offset, self._measure()
        jump = self._offset - before
        if abs(jump) > MIN_CLOCK_JUMP_S:
            _log.warning(
                "the system clock changed by %+.1f s (it was set, or the machine slept); "
                "time stamps follow it, tracking continues",
                jump,
            )
        return self._offset

    @staticmethod
    def _measure() -> float:
        """Read both clocks at the same moment; retry if the thread was interrupted in between."""
        narrowest, offset = float("inf"), 0.0
        for _ in range(_SAMPLING_ATTEMPTS):
            before, now, after = time.monotonic(), time.time(), time.monotonic()
            if after - before < narrowest:
                narrowest, offset = after - before, now - (before + after) / 2
            if narrowest < _MAX_SAMPLING_GAP:
                break
        return offset


def escape_unprintable(text: str) -> str:
    """Return text on one line, with control and other unprintable characters as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def truncate(text: str, limit: int = limits.MAX_ERROR_REASON_CHARS) -> str:
    """Return at most `limit` printable characters; a cut is marked by an ellipsis."""
    text = escape_unprintable(text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def require_package(module: str, extra: str) -> Any:
    """Import and return a module of an optional package.

    Parameters
    ----------
    module
        Full name of the module, such as "pyarrow.parquet".
    extra
        Extra of `damer-streamer` that installs the package.

    Raises
    ------
    UsageError
        The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise UsageError(
            f'{package} is not installed; `pip install "damer-streamer[{extra}]"`, or '
            f'`pip install ".[{extra}]"` in a checkout, brings it'
        ) from None
