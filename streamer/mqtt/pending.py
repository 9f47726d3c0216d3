"""What waits to be sent: the newest of each zone, never more."""

import time
from collections import deque
from dataclasses import dataclass, field

from streamer.mqtt.payloads import Controls, Health, Latency
from streamer.tracking import MAX_ESTIMATE_AGE_S, Update

STATE_INTERVAL = 1.0
"""Seconds between two states of a zone, at least."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of a zone's estimates.

    Attributes
    ----------
    offered, sent, dropped
        Estimates; one that was offered is sent, dropped or still waiting.
    """

    offered: int
    sent: int
    dropped: int


class LatencyWindow:
    """Latencies of the last estimates.

    Parameters
    ----------
    size
        How many; 600 are a minute at 10 Hz.
    """

    def __init__(self, size: int = 600) -> None:
        self._seconds: deque[float] = deque(maxlen=size)

    def add(self, seconds: float) -> None:
        """Add one latency in seconds."""
        self._seconds.append(seconds)

    def percentiles(self) -> Latency | None:
        """Return percentiles, None while there is nothing."""
        return Latency.from_seconds(self._seconds)


@dataclass(slots=True)
class PendingMessages:
    """The slots of one zone; whoever takes from a slot empties it."""

    latency: LatencyWindow = field(default_factory=LatencyWindow)
    sent: int = 0
    dropped: int = 0
    health: Health | None = None
    controls: Controls | None = None
    _seq: int = 0
    _va: tuple[int, Update] | None = None
    _state: tuple[Update, str | None] | None = None
    _state_waits: bool = False
    _state_sent: float = float("-inf")

    @property
    def counters(self) -> Counters:
        """What became of the estimates so far."""
        return Counters(offered=self._seq, sent=self.sent, dropped=self.dropped)

    def put(self, update: Update, *, keep: bool, title: str | None = None) -> None:
        """Let an update wait under the next number, in place of an older one that waits.

        Without `keep` it is dropped for the fast stream and waits as state only.
        """
        self.drop_estimate()
        self._va = (self._seq, update)
        self._seq += 1
        self._state = (update, title)
        self._state_waits = True
        if not keep:
            self.drop_estimate()

    def drop_estimate(self) -> None:
        """Drop the estimate that waits, if any."""
        if self._va is not None:
            self._va = None
            self.dropped += 1

    def count(self, latency: float | None) -> None:
        """Count an estimate taken as sent, with its latency in seconds, or as dropped (None)."""
        if latency is None:
            self.dropped += 1
        else:
            self.sent += 1
            self.latency.add(latency)

    def pop_estimate(self) -> tuple[int, Update] | None:
        """Take the number and the update that wait for the fast stream, if any."""
        va, self._va = self._va, None
        return va

    def pop_health(self) -> Health | None:
        """Take the health that waits, if any."""
        health, self.health = self.health, None
        return health

    def seconds_until_state(self) -> float | None:
        """Return in how many seconds a state may be sent, None while none waits."""
        if not self._state_waits:
            return None
        return max(0.0, self._state_sent + STATE_INTERVAL - time.monotonic())

    def pop_state(self) -> tuple[Update, str | None] | None:
        """Remove and return the pending state's update and title; `republish_state` keeps them."""
        self._state_waits = False
        self._state_sent = time.monotonic()
        return self._state

    def mark_state_pending(self) -> None:
        """Let the last state be sent again in its turn, if there is one."""
        self._state_waits = self._state is not None

    def republish_state(self) -> None:
        """Let the last state be sent again at once, if there is one and it still holds."""
        state = self._state
        self._state_waits = (
            state is not None and time.monotonic() - state[0].captured < MAX_ESTIMATE_AGE_S
        )
        self._state_sent = float("-inf")
