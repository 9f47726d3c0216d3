"""Messages that wait to be published: the newest per zone, older ones are dropped."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from paho.mqtt.properties import Properties

from streamer.mqtt.payloads import Controls, Health, Latency
from streamer.tracking import MAX_ESTIMATE_AGE_S, Update

STATE_INTERVAL = 1.0
"""Shortest time between two states of a zone, in seconds."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Message that is published once, in order: an acknowledgement or an announcement.

    Attributes
    ----------
    topic, payload, qos, retain
        As in MQTT.
    properties
        MQTT 5 properties; not sent over MQTT 3.1.1.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts of a zone's estimates since the start.

    Attributes
    ----------
    offered
        Estimates offered; each is then sent, dropped or still pending.
    sent, dropped
        Estimates published, and estimates discarded.
    """

    offered: int
    sent: int
    dropped: int


@dataclass(slots=True)
class PendingMessages:
    """One slot each for a zone's newest estimate, state and health.

    Attributes
    ----------
    clock
        Monotonic time in seconds.
    latencies
        Latencies of the last 600 published estimates, in seconds: one minute at 10 Hz.
    health
        Pending health, if any.
    controls
        Settings to publish in the state; None if the zone accepts no commands.
    """

    clock: Callable[[], float] = time.monotonic
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=600))
    health: Health | None = None
    controls: Controls | None = None
    _offered: int = 0
    _sent: int = 0
    _dropped: int = 0
    _estimate: tuple[int, Update] | None = None
    _state: tuple[Update, str | None] | None = None
    _state_pending: bool = False
    _state_sent_at: float = float("-inf")

    @property
    def counters(self) -> Counters:
        """Counts of the estimates so far."""
        return Counters(offered=self._offered, sent=self._sent, dropped=self._dropped)

    def latency_percentiles(self) -> Latency | None:
        """Return percentiles of `latencies`; None before the first published estimate."""
        return Latency.from_seconds(self.latencies)

    def put_update(self, update: Update, *, keep_estimate: bool, title: str | None = None) -> None:
        """Store an update as estimate and state, in place of older pending ones.

        Parameters
        ----------
        update
            Update of the zone. It gets the next sequence number.
        keep_estimate
            Whether the estimate can be published soon; if not, it is dropped and only the state
            is stored.
        title
            Title of the current track, for the state.
        """
        self.drop_estimate()
        self._estimate = (self._offered, update)
        self._offered += 1
        self._state = (update, title)
        self._state_pending = True
        if not keep_estimate:
            self.drop_estimate()

    def drop_estimate(self) -> None:
        """Drop and count the pending estimate, if any."""
        if self._estimate is not None:
            self._estimate = None
            self._dropped += 1

    def count_estimate(self, latency: float | None) -> None:
        """Count a popped estimate as sent, with its latency in seconds, or as dropped (None)."""
        if latency is None:
            self._dropped += 1
        else:
            self._sent += 1
            self.latencies.append(latency)

    def pop_estimate(self) -> tuple[int, Update] | None:
        """Remove and return the pending estimate: its sequence number and update."""
        estimate, self._estimate = self._estimate, None
        return estimate

    def pop_health(self) -> Health | None:
        """Remove and return the pending health."""
        health, self.health = self.health, None
        return health

    def seconds_until_state(self) -> float | None:
        """Return how many seconds until the pending state is due; None if none is pending."""
        if not self._state_pending:
            return None
        return max(0.0, self._state_sent_at + STATE_INTERVAL - self.clock())

    def pop_state(self) -> tuple[Update, str | None] | None:
        """Return the pending state's update and title; they are kept for `republish_state`."""
        self._state_pending = False
        self._state_sent_at = self.clock()
        return self._state

    def mark_state_pending(self) -> None:
        """Publish the last state once more when its interval has passed, if there is one."""
        self._state_pending = self._state is not None

    def republish_state(self) -> None:
        """Publish the last state once more at once, if there is one that is not stale."""
        state = self._state
        self._state_pending = (
            state is not None and self.clock() - state[0].captured < MAX_ESTIMATE_AGE_S
        )
        self._state_sent_at = float("-inf")
