"""Who listens: a desk in every venue, and a monitor for all of them.

Once they have subscribed, nothing comes but messages, so their sockets are read without paho.
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
"""What makes a subscription of MQTT 5 one that a group shares."""
FILTERS = ("streamer/+/+/state", "streamer/+/+/health", "streamer/+/status")


class Listener(Connection):
    """Subscribes, and takes what comes; subclasses say what for.

    Parameters
    ----------
    loop, port
        See `Connection`.
    filters
        What to subscribe to.
    quality
        With which QoS.
    keepalive
        Seconds; 0 for none.

    Attributes
    ----------
    ready
        Whether it has subscribed.
    messages
        How many have come.
    """

    acknowledges = False

    def __init__(
        self, loop: Loop, port: int, *filters: str, quality: int, keepalive: int = 0
    ) -> None:
        super().__init__(loop, port, keepalive=keepalive)
        self._filters = filters
        self._quality = quality
        self._to_come = len(filters)
        self.ready = False
        self.messages = 0

    def start(self) -> None:
        """Connect and subscribe."""
        self.open(f"listener-{secrets.token_hex(8)}")

    def take(self, arrived: bytes) -> None:
        """Take what has come, which may end within a message."""

    def connected(self) -> None:
        for each in self._filters:
            if self.client is not None:
                self.client.subscribe(each, qos=self._quality)

    def subscribed(self, number: int) -> None:  # noqa: ARG002 - all are waited for
        self._to_come -= 1
        if self._to_come == 0 and self.client is not None and self.client.dialled is not None:
            self.ready = True
            self.loop.watch(self.client.dialled.fileno(), self._read_messages)

    def lost(self) -> None:
        raise RuntimeError("a listener has lost the broker")

    def _read_messages(self) -> None:
        client = self.client
        if client is None or client.dialled is None:
            return
        try:
            arrived = client.dialled.recv(65536)
        except BlockingIOError:
            return
        if not arrived:
            self.lost()
        self.take(arrived)


class Desk(Listener):
    """A venue's own desk, which reads the fast stream of one node; or of several, to be cheaper.

    Parameters
    ----------
    loop, port
        See `Connection`.
    topics
        Of the streams.
    latencies
        Takes the milliseconds from sending to arrival, within a measurement.

    Attributes
    ----------
    heard
        Messages within the measurement.
    disordered
        Messages whose number was not higher than the one before.
    """

    def __init__(self, loop: Loop, port: int, topics: list[str], latencies: "array[float]") -> None:
        super().__init__(loop, port, *topics, quality=0)
        self._latencies = latencies
        self._last: dict[bytes, int] = {}
        self._rest = b""
        self.heard = 0
        self.disordered = 0

    def take(self, arrived: bytes) -> None:
        now = time.time() * 1e3
        data, end = self._rest + arrived, 0
        for found in _ESTIMATE.finditer(data):
            node, ts, number, latency = found.groups()
            end, seq = found.end(), int(number)
            self.messages += 1
            self.disordered += seq <= self._last.get(node, 0)
            self._last[node] = seq
            if seq >= WINDOW:
                self.heard += 1
                self._latencies.append(now - int(ts) - float(latency))
        self._rest = data[end:]


class Consumer(Listener):
    """One of those that share the work of the central monitor.

    Parameters
    ----------
    loop, port
        See `Connection`.
    seen
        How often each state and health message has come to all consumers together, by kind, node
        and `ts`; and each status, by `online` or `offline`, node and 0.
    latencies
        Takes `ts` of each state and the milliseconds since then.
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

    def take(self, arrived: bytes) -> None:
        now = time.time() * 1e3
        messages = self._frames.feed(arrived)
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
