"""Simulated subscribers: a desk per venue, and a central monitor of all venues.

After SUBACK only messages arrive, so the sockets are read without paho.
"""

import re
import secrets
import time
from array import array
from collections import Counter

from benchmarks.fleet.connection import Connection
from benchmarks.fleet.frames import Frames
from benchmarks.fleet.loop import Loop
from benchmarks.fleet.node import WINDOW

_ESTIMATE = re.compile(
    rb"streamer/(node-\d+)/[^{]*"
    rb'\{"v":1,"ts":(\d{13}),"seq":(\d{6})[^{]*\{[^}]*\}[^}]*"latency_ms":(\d\d\.\d)\}'
)
_TS = re.compile(rb'"ts":(\d{13})')
GROUP = "$share/monitor/"
"""Prefix of a shared subscription (MQTT 5, 4.8.2)."""
FILTERS = ("streamer/+/+/state", "streamer/+/+/health", "streamer/+/status")


class Subscriber(Connection):
    """Subscribe, and pass received bytes to `handle_data` of a subclass.

    Parameters
    ----------
    loop, port
        See `Connection`.
    filters
        Topic filters.
    quality
        QoS of the subscriptions.
    keepalive
        Keep-alive interval, s; 0: none.

    Attributes
    ----------
    ready
        Whether all subscriptions are acknowledged.
    messages
        Number of received messages.
    """

    acknowledges = False

    def __init__(
        self, loop: Loop, port: int, *filters: str, quality: int, keepalive: int = 0
    ) -> None:
        super().__init__(loop, port, keepalive=keepalive)
        self._filters = filters
        self._quality = quality
        self._unacknowledged = len(filters)
        self.ready = False
        self.messages = 0

    def start(self) -> None:
        """Connect and subscribe."""
        self.open(f"subscriber-{secrets.token_hex(8)}")

    def handle_data(self, data: bytes) -> None:
        """Process received bytes, which may end within a message."""

    def connected(self) -> None:
        for each in self._filters:
            if self.client is not None:
                self.client.subscribe(each, qos=self._quality)

    def subscribed(self, number: int) -> None:  # noqa: ARG002 - only counted
        self._unacknowledged -= 1
        if (
            self._unacknowledged == 0
            and self.client is not None
            and self.client.connected_socket is not None
        ):
            self.ready = True
            self.loop.watch(self.client.connected_socket.fileno(), self._read_messages)

    def lost(self) -> None:
        raise RuntimeError("a subscriber lost its connection to the broker")

    def _read_messages(self) -> None:
        client = self.client
        if client is None or client.connected_socket is None:
            return
        try:
            data = client.connected_socket.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self.lost()
        self.handle_data(data)


class Desk(Subscriber):
    """Light desk of a venue: subscribe to the estimates of one node, or of several to save load.

    Parameters
    ----------
    loop, port
        See `Connection`.
    topics
        Topics of the estimates.
    latencies
        Appended: latency from sending to arrival of each measured estimate, ms.

    Attributes
    ----------
    measured
        Number of estimates within the measurement.
    disordered
        Number of estimates whose `seq` did not increase.
    """

    def __init__(self, loop: Loop, port: int, topics: list[str], latencies: "array[float]") -> None:
        super().__init__(loop, port, *topics, quality=0)
        self._latencies = latencies
        self._last: dict[bytes, int] = {}
        self._rest = b""
        self.measured = 0
        self.disordered = 0

    def handle_data(self, data: bytes) -> None:
        now = time.time() * 1e3
        data, end = self._rest + data, 0
        for found in _ESTIMATE.finditer(data):
            node, ts, number, latency = found.groups()
            end, seq = found.end(), int(number)
            self.messages += 1
            self.disordered += seq <= self._last.get(node, 0)
            self._last[node] = seq
            if seq >= WINDOW:
                self.measured += 1
                self._latencies.append(now - int(ts) - float(latency))
        self._rest = data[end:]


class Consumer(Subscriber):
    """Member of the shared subscription of the central monitor.

    Parameters
    ----------
    loop, port
        See `Connection`.
    seen
        Times that each state and health message was received by all consumers together, by kind,
        node and `ts`; each status by `online` or `offline`, node and 0.
    latencies
        Appended: `ts` of each state and its age at arrival, ms.
    """

    def __init__(
        self,
        loop: Loop,
        port: int,
        seen: "Counter[tuple[str, str, int]]",
        latencies: list[tuple[int, float]],
    ) -> None:
        super().__init__(loop, port, *(GROUP + each for each in FILTERS), quality=1)
        self._seen = seen
        self._latencies = latencies
        self._frames = Frames()

    def handle_data(self, data: bytes) -> None:
        now = time.time() * 1e3
        messages = self._frames.feed(data)
        self.messages += len(messages)
        for message in messages:
            if message.number and self.client is not None:
                self.client.ack(message.number, qos=1)
            _, node, *_, kind = message.topic.decode().split("/")
            if kind == "status":
                self._seen[message.payload.decode(), node, 0] += 1
                continue
            found = _TS.search(message.payload)
            if found is None:
                raise RuntimeError(f"no time in {message.payload!r}")
            ts = int(found[1])
            self._seen[kind, node, ts] += 1
            if kind == "state":
                self._latencies.append((ts, now - ts))
