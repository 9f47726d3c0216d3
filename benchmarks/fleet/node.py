"""Simulate a streamer's MQTT session: the same messages at the same rate, without audio."""

import random
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

from paho.mqtt.client import MQTTMessage

from benchmarks.fleet.connection import Connection, Packed, Paho
from benchmarks.fleet.frames import Frames
from benchmarks.fleet.loop import Loop
from streamer import __version__
from streamer.config.models import HomeAssistant, Mqtt
from streamer.helpers import Backoff
from streamer.mqtt import VA, Controls, Health, Latency, Point, State, Topics
from streamer.mqtt.client import json_properties
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.lanes import ESTIMATE_EXPIRY_S
from streamer.tracking.mood import mood, quadrant

ZONE = "main"
RATE = 10
"""Estimates a second."""
STATE_EVERY, HEALTH_EVERY = RATE, 10 * RATE
"""Ticks from one to the next."""
WARM_UP, WINDOW = 100_000, 500_000
"""First numbers of the estimates before and within a measurement; all have six digits."""
HEARD_MS = 20
"""What an estimate's sound is older than its message, as from a microphone."""

_NUMBER_BYTES = 2  # what a message of QoS 1 has beyond one of QoS 0
_STAMPS = re.compile(rb'"ts":(\d{13}),"seq":(\d{6}).*"latency_ms":(\d\d\.\d)\}')
_TS = re.compile(rb"(?<=\"ts\":)\d{13}")
_CONTROLS = Controls(smoothing="kalman", rate=RATE, freeze=False, gain_db=0, calibrating=False)
_JSON, _BRIEFLY = Packed(json_properties()), Packed(json_properties(expiry_s=ESTIMATE_EXPIRY_S))


@dataclass
class Sent:
    """What all nodes have sent.

    Attributes
    ----------
    estimates
        Messages on `va` since the measurement began.
    slow
        Kind, node and `ts` of every state and health message, the latter two as they are sent.
    publishes
        Messages of all kinds.
    held
        Estimates that were left out because the socket was full.
    """

    estimates: int = 0
    slow: list[tuple[str, str, int]] = field(default_factory=list)
    publishes: int = 0
    held: int = 0


class Node(Connection):
    """One streamer with one zone, which connects again for ever.

    Parameters
    ----------
    loop, port
        See `Connection`.
    name
        Of the node.
    sent
        Counts what it sends.

    Attributes
    ----------
    online_at
        When its own `online` came back and all was subscribed to, by `time.monotonic()`; None
        while it is not.
    tries
        Connections tried.
    seq
        Number of the next estimate.
    estimate_packet, state_payload
        The next estimate and state, but for times and number.
    """

    def __init__(self, loop: Loop, port: int, name: str, sent: Sent) -> None:
        config = Mqtt(node=name)
        super().__init__(loop, port, keepalive=config.keepalive)
        self.name = name
        self.topics = Topics.from_config(config)
        discovery = Discovery(HomeAssistant(), config, [ZONE], controlled=True)
        self._filters = [
            self.topics.status, self.topics.command_filter,
            discovery.birth_topic, discovery.config_filter,
        ]  # fmt: skip
        self._devices = discovery.messages()
        self._sent = sent
        self._backoff = Backoff()
        self._confirmed = self._announced = self._settled = False
        self._awaited: set[int] = set()
        self._frames = Frames()
        self._to_subscribe: list[str] = []
        self._online_number = 0
        self._begun = time.monotonic()
        self._tick = random.randrange(HEALTH_EVERY)  # who started when differs
        self.seq = WARM_UP
        self.online_at: float | None = None
        self.tries = 0
        self.estimate_packet, self._stamps = bytearray(), (0, 0, 0)
        self.state_payload = b""

    def start(self) -> None:
        """Connect as a client with a name of its own, as each session of a streamer is."""
        self.tries += 1
        self.open(f"streamer-{self.name}-{secrets.token_hex(4)}", self.topics.status)

    def connected(self) -> None:
        self._confirmed = self._announced = self._settled = False
        self._to_subscribe = list(self._filters)
        self._awaited, self._frames = set(), Frames()
        self._online_number = self._publish(self.topics.status, b"online", retain=True)

    def acknowledged(self, number: int) -> None:
        self._awaited.discard(number)
        if number == self._online_number:
            self._online_number = -1
            self._subscribe_next()

    def subscribed(self, number: int) -> None:  # noqa: ARG002 - one is on its way at a time
        self._subscribe_next()

    def received(self, message: MQTTMessage) -> None:
        if message.topic == self.topics.status and message.payload == b"online":
            self._confirmed = True
            self._be_online()
        elif message.topic in self._devices:
            self._announced = True

    def read(self) -> None:
        """Let paho read; once nothing but acknowledgements will come, count bytes in its place.

        It takes longer to read them than to publish what they are for.
        """
        super().read()
        client = self.client
        self._settled = self.online_at is not None and self._announced and not self._awaited
        if self._settled and client is not None and client.dialled is not None:
            self.loop.watch(client.dialled.fileno(), self._skip_acknowledgements)

    def lost(self) -> None:
        now = time.monotonic()
        lasted = now - self.online_at if self.online_at is not None else 0.0
        self.online_at = None
        self.loop.later(self._backoff.next_delay(lasted), self.start)

    def tick(self) -> None:
        """Send what is due at an estimate."""
        if self.online_at is None:
            return
        self._tick += 1
        if self._tick % HEALTH_EVERY == 0:
            self._send_health()
            self.renew()
        self._send_estimate()
        if self._tick % STATE_EVERY == 0:
            self._send_state()

    def renew(self) -> None:
        """Make an estimate and a state, whose times and number are set when they are sent.

        Models and paho take a good part of a core to write a few thousand of them a second.
        """
        if self.client is None:
            return
        valence, arousal = random.uniform(-1, 1), random.uniform(-1, 1)
        estimate = VA(
            ts=_now_ms(), seq=WARM_UP, valence=valence, arousal=arousal, valence_std=0.1234,
            arousal_std=0.1234, raw=Point(valence=valence, arousal=arousal), silence=False,
            warm=1.0, latency_ms=HEARD_MS,
        )  # fmt: skip
        packet = self.client.encode(self.topics.va(ZONE), estimate.to_json(), _BRIEFLY)
        stamps = _STAMPS.search(packet)
        if stamps is None:
            raise RuntimeError(f"no stamps in {packet!r}")
        self.estimate_packet = bytearray(packet)
        self._stamps = stamps.start(1), stamps.start(2), stamps.start(3)
        self.state_payload = State(
            ts=_now_ms(), valence=valence, arousal=arousal, valence_std=0.1234,
            arousal_std=0.1234, quadrant=quadrant(valence, arousal), mood=mood(valence, arousal),
            silence=False, level=-23.4, controls=_CONTROLS,
        ).to_json()  # fmt: skip

    def health(self, ts: int) -> bytes:
        """Return a health message."""
        uptime = time.monotonic() - self._begun
        return Health(
            ts=ts,
            state="ok",
            source="mic",
            engine="onnxruntime",
            uptime_s=uptime,
            estimates=round(RATE * uptime),
            rate_hz=RATE,
            drift_ppm=12.3,
            latency_ms=Latency(p50=21.6, p99=41.7, max=55.5),
            versions={"streamer": __version__},
            cpu_percent=7.0,
            memory_mb=289.0,
        ).to_json()

    def _skip_acknowledgements(self) -> None:
        client = self.client
        if client is None or client.dialled is None:
            return
        try:
            arrived = client.dialled.recv(4096)
        except (BlockingIOError, ConnectionError):
            arrived = b""
        if arrived:
            if self._frames.feed(arrived):
                raise RuntimeError(f"{self.name} has got a message that it does not expect")
        else:
            super().read()  # paho finds the connection closed

    def _subscribe_next(self) -> None:
        if self.client is None:
            return
        if self._to_subscribe:
            self.client.subscribe(self._to_subscribe.pop(0), qos=1)
            return
        for topic, device in self._devices.items():
            self._publish(topic, device, retain=True)
        self._be_online()

    def _be_online(self) -> None:
        if self._confirmed and not self._to_subscribe and self.online_at is None:
            self.online_at = time.monotonic()
            self.renew()
            self._send_state()

    def _send_estimate(self) -> None:
        client = self.client
        if client is None or (sock := client.dialled) is None:
            return
        if client.want_write():  # half a packet of paho's may be out
            client.loop_write()
            self._sent.held += 1
            return
        ts, seq, latency = self._stamps
        tenths = int(time.time() * 1e4)  # of a millisecond: as exactly as `latency_ms` tells it
        packet = self.estimate_packet
        packet[ts : ts + 13] = b"%d" % (tenths // 10 - HEARD_MS)
        packet[seq : seq + 6] = b"%d" % self.seq
        packet[latency : latency + 4] = b"%d.%d" % (HEARD_MS, tenths % 10)
        try:
            size = sock.send(packet)
        except BlockingIOError:
            self._sent.held += 1
            return
        except OSError:  # the broker is gone; paho will notice when it reads
            return
        if size < len(packet):
            raise RuntimeError("the broker reads nothing any more")
        if self.seq >= WINDOW:
            self._sent.estimates += 1
        self._sent.publishes += 1
        self.seq += 1

    def _send_state(self) -> None:
        ts = _now_ms()
        self._sent.slow.append(("state", self.name, ts))
        self._publish(
            self.topics.state(ZONE), _TS.sub(b"%d" % ts, self.state_payload, 1), retain=True
        )

    def _send_health(self) -> None:
        ts = _now_ms()
        self._sent.slow.append(("health", self.name, ts))
        self._publish(self.topics.health(ZONE), self.health(ts), qos=0)

    def _publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        if self.client is None:
            return 0
        self._sent.publishes += 1
        told = self.client.publish(topic, payload, qos, retain, properties=_JSON)
        if qos and not self._settled:
            self._awaited.add(told.mid)
        return told.mid


def packet_sizes() -> dict[str, int]:
    """Return the bytes of each kind of message as it goes to the broker, without TCP."""
    loop = Loop()
    there, here = socket.socketpair()
    node = Node(loop, 1, "node-00000", Sent())
    client = Paho("sizes", acknowledges=True)
    client.connect_async("127.0.0.1")
    client.dialled = here
    try:
        client.reconnect()
        node.client = client
        node.renew()
        state = node.topics.state(ZONE)
        return {
            "va": len(node.estimate_packet),
            "state": len(client.encode(state, node.state_payload, _JSON)) + _NUMBER_BYTES,
            "health": len(client.encode(node.topics.health(ZONE), node.health(_now_ms()), _JSON)),
        }
    finally:
        node.close()
        there.close()
        loop.close()


def _now_ms() -> int:
    return round(time.time() * 1e3)
