"""All nodes of a fleet, their desks and the monitor, on one loop."""

import random
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from functools import partial

from benchmarks.fleet.listeners import Consumer, Desk, Listener
from benchmarks.fleet.loop import Loop
from benchmarks.fleet.node import RATE, WINDOW, ZONE, Node, Sent

CONSUMERS = 2
"""How many share the monitor's work."""
DESKS = 50
"""Nodes whose first desk has a connection of its own."""
STREAMS = 100
"""Streams that each connection carries for all other desks."""
AT_ONCE = 50
"""Connections that are being made at the same time."""
TICK = 1 / RATE
"""Seconds from one estimate of a node to the next."""
_BATCH = 16  # ticks between two looks at what has arrived
_BEHIND = 1.0  # seconds of lateness after which ticks are left out


class Fleet:
    """Nodes that tick at phases of their own, and those who listen to them.

    Parameters
    ----------
    loop, port
        See `benchmarks.fleet.connection.Connection`.
    count
        Number of nodes.
    readers
        How many desks read each node's stream.
    monitored
        Whether there is a monitor.

    Attributes
    ----------
    nodes, desks, consumers
        The connections.
    sent
        What the nodes have sent.
    seen
        What has come to the consumers; see `Consumer`.
    latencies
        Milliseconds of estimates within the measurement.
    state_latencies
        `ts` and milliseconds of states.
    lateness
        Seconds by which each tick came too late, since the last `restart`.
    skipped
        Ticks left out since then, all nodes together.
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
        self._begun = time.monotonic()

    @property
    def online(self) -> int:
        """How many nodes are."""
        return sum(node.online_at is not None for node in self.nodes)

    @property
    def delivered(self) -> int:
        """Messages that have come to desks and monitor."""
        messages = sum(desk.messages for desk in self.desks)
        return messages + sum(consumer.messages for consumer in self.consumers)

    def gather(self, patience: float = 120.0) -> None:
        """Connect all: listeners first, nodes while those that are there publish already.

        Raises
        ------
        TimeoutError
            They are not all there in time.
        """
        for consumer in self.consumers:
            consumer.start()
        self.loop.until(partial(_all_ready, self.consumers), patience)
        for begin in range(0, len(self.desks), AT_ONCE):
            for desk in self.desks[begin : begin + AT_ONCE]:
                desk.start()
            there = self.desks[: begin + AT_ONCE]
            self.loop.until(partial(_all_ready, there), patience)
        self.restart()
        deadline = time.monotonic() + patience
        started = 0
        while (online := self.online) < len(self.nodes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{online} of {len(self.nodes)} nodes in {patience:.0f} s")
            for node in self.nodes[started : online + AT_ONCE]:
                node.start()
            started = max(started, online + AT_ONCE)
            self.run(0.02)

    def restart(self) -> None:
        """Begin to count how late ticks are."""
        self.lateness, self.skipped = array("d"), 0
        self._begun = time.monotonic() + 0.01 - self._next // len(self.nodes) * TICK
        self._begun -= self._phases[self._next % len(self.nodes)]

    def run(self, seconds: float) -> None:
        """Let all nodes tick, and read what arrives."""
        nodes, phases, count = self.nodes, self._phases, len(self.nodes)
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for _ in range(_BATCH):
                turn, k = divmod(self._next, count)
                due = self._begun + turn * TICK + phases[k]
                if due > now:
                    break
                self.lateness.append(now - due)
                nodes[k].tick()
                self._next += 1
                if now - due > _BEHIND:
                    self.skipped += round((now - due) / TICK) * count
                    self._begun += now - due
                now = time.monotonic()
            self.loop.turn(min(max(0.0, due - now), end - now))

    def open_window(self) -> None:
        """Number the estimates as those of the measurement, from now on."""
        for node in self.nodes:
            node.seq = WINDOW

    def drain(self, seconds: float = 5.0) -> None:
        """Read until nothing has come for half a second; send nothing."""
        deadline, quiet_since = time.monotonic() + seconds, time.monotonic()
        before = self.delivered
        while (now := time.monotonic()) < deadline and now - quiet_since < 0.5:
            self.loop.turn(0.05)
            if (delivered := self.delivered) != before:
                before, quiet_since = delivered, now

    def close(self) -> None:
        """Hang up."""
        for one in (*self.nodes, *self.desks, *self.consumers):
            one.close()


def _all_ready(listeners: Sequence[Listener]) -> bool:
    return all(one.ready for one in listeners)
