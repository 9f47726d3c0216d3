"""Simulated fleet: all nodes, their desks and the monitor on one event loop."""

import random
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from functools import partial

from benchmarks.fleet.loop import Loop
from benchmarks.fleet.node import RATE, WINDOW, ZONE, Node, Sent
from benchmarks.fleet.subscribers import Consumer, Desk, Subscriber

CONSUMERS = 2
"""Consumers that share the monitor's subscription."""
DESKS = 50
"""Number of nodes whose first desk has its own connection."""
STREAMS = 100
"""Nodes per connection of all other desks."""
AT_ONCE = 50
"""Maximum number of concurrent connection attempts."""
TICK = 1 / RATE
"""Interval between estimates of a node, s."""
_BATCH = 16  # ticks between two polls of the sockets
_BEHIND = 1.0  # lateness after which ticks are skipped, s


class Fleet:
    """Nodes with random tick phases, and their subscribers.

    Parameters
    ----------
    loop, port
        See `benchmarks.fleet.connection.Connection`.
    count
        Number of nodes.
    readers
        Number of desks per node.
    monitored
        Whether a monitor subscribes to all nodes.

    Attributes
    ----------
    nodes, desks, consumers
        The connections.
    sent
        Counts of sent messages.
    seen
        Messages received by the consumers; see `Consumer`.
    latencies
        Latency of the measured estimates, ms.
    state_latencies
        `ts` and latency of states, ms.
    lateness
        Delay of each tick, s, since the last `restart_schedule`.
    skipped
        Ticks of all nodes skipped since then.
    """

    def __init__(
        self, loop: Loop, port: int, count: int, *, readers: int = 1, monitored: bool = True
    ) -> None:
        self.loop = loop
        self.sent = Sent()
        self.seen: Counter[tuple[str, str, int]] = Counter()
        self.latencies = array("d")
        self.state_latencies: list[tuple[int, float]] = []
        self.lateness = array("d")
        self.skipped = 0
        self.nodes = [Node(loop, port, f"node-{k:05}", self.sent) for k in range(count)]
        topics = [node.topics.va(ZONE) for node in self.nodes]
        self.desks: list[Desk] = []
        for single in [DESKS, *[0] * readers][:readers]:
            groups = [[topic] for topic in topics[:single]]
            groups += [topics[k : k + STREAMS] for k in range(single, count, STREAMS)]
            self.desks += [Desk(loop, port, group, self.latencies) for group in groups]
        self.consumers = [
            Consumer(loop, port, self.seen, self.state_latencies)
            for _ in range(CONSUMERS if monitored else 0)
        ]
        self._phases = sorted(random.uniform(0, TICK) for _ in self.nodes)
        self._next = 0
        self._started_at = time.monotonic()

    @property
    def online(self) -> int:
        """Number of nodes that are online."""
        return sum(node.online_at is not None for node in self.nodes)

    @property
    def delivered(self) -> int:
        """Number of messages received by desks and monitor."""
        messages = sum(desk.messages for desk in self.desks)
        return messages + sum(consumer.messages for consumer in self.consumers)

    def connect_all(self, timeout: float = 120.0) -> None:
        """Connect all clients: subscribers first, then nodes, which publish as soon as online.

        Raises
        ------
        TimeoutError
            Not all are connected within `timeout` seconds.
        """
        for consumer in self.consumers:
            consumer.start()
        self.loop.run_until(partial(_all_ready, self.consumers), timeout)
        for first in range(0, len(self.desks), AT_ONCE):
            for desk in self.desks[first : first + AT_ONCE]:
                desk.start()
            connected = self.desks[: first + AT_ONCE]
            self.loop.run_until(partial(_all_ready, connected), timeout)
        self.restart_schedule()
        deadline = time.monotonic() + timeout
        started = 0
        while (online := self.online) < len(self.nodes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{online} of {len(self.nodes)} nodes in {timeout:.0f} s")
            for node in self.nodes[started : online + AT_ONCE]:
                node.start()
            started = max(started, online + AT_ONCE)
            self.run(0.02)

    def restart_schedule(self) -> None:
        """Restart the tick schedule and the counts of late and skipped ticks."""
        self.lateness, self.skipped = array("d"), 0
        self._started_at = time.monotonic() + 0.01 - self._next // len(self.nodes) * TICK
        self._started_at -= self._phases[self._next % len(self.nodes)]

    def run(self, seconds: float) -> None:
        """Run the ticks of all nodes, and read received messages."""
        nodes, phases, count = self.nodes, self._phases, len(self.nodes)
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for _ in range(_BATCH):
                round_number, k = divmod(self._next, count)
                due = self._started_at + round_number * TICK + phases[k]
                if due > now:
                    break
                self.lateness.append(now - due)
                nodes[k].tick()
                self._next += 1
                if now - due > _BEHIND:
                    self.skipped += round((now - due) / TICK) * count
                    self._started_at += now - due
                now = time.monotonic()
            self.loop.run_once(min(max(0.0, due - now), end - now))

    def start_measurement(self) -> None:
        """Start counting: number estimates from `WINDOW`."""
        for node in self.nodes:
            node.seq = WINDOW

    def drain(self, seconds: float = 5.0) -> None:
        """Read without sending until no message arrives for 0.5 s."""
        deadline, quiet_since = time.monotonic() + seconds, time.monotonic()
        before = self.delivered
        while (now := time.monotonic()) < deadline and now - quiet_since < 0.5:
            self.loop.run_once(0.05)
            if (delivered := self.delivered) != before:
                before, quiet_since = delivered, now

    def close(self) -> None:
        """Close all connections."""
        for one in (*self.nodes, *self.desks, *self.consumers):
            one.close()


def _all_ready(subscribers: Sequence[Subscriber]) -> bool:
    return all(one.ready for one in subscribers)
