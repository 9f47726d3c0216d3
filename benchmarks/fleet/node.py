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
"""Estimates per second."""
STATE_EVERY, HEALTH_EVERY = RATE, 10 * RATE
"""Interval in ticks."""
WARM_UP, WINDOW = 100_000, 500_000
"""First `seq` of the estimates before and within a measurement; always six digits."""
AUDIO_AGE_MS = 20
"""Age of the newest audio when an estimate is published, ms, as with a microphone."""

_PACKET_ID_BYTES = 2  # packet identifier, present with QoS 1 only
_STAMPS = re.compile(rb'"ts":(\d{13}),"seq":(\d{6}).*"latency_ms":(\d\d\.\d)\}')
_TS = re.compile(rb"(?<=\"ts\":)\d{13}")
_CONTROLS = Controls(smoothing="kalman", rate=RATE, freeze=False, gain_db=0, calibrating=False)
_JSON_PROPERTIES, _ESTIMATE_PROPERTIES = (
    Packed(json_properties()),
    Packed(json_properties(expiry_s=ESTIMATE_EXPIRY_S)),
)


@dataclass
class Sent:
    """Counts of messages sent by all nodes.

    Attributes
    ----------
    estimates
        Messages on `va` since the measurement began.
    slow
        Kind, node and sent `ts` of every state and health message.
    publishes
        Messages of all kinds.
    dropped
        Estimates dropped because the socket's buffer was full.
    """

    estimates: int = 0
    slow: list[tuple[str, str, int]] = field(default_factory=list)
    publishes: int = 0
    dropped: int = 0


class Node(Connection):
    """Simulated streamer with one zone, which reconnects without limit.

    Parameters
    ----------
    loop, port
        See `Connection`.
    name
        Node name.
    sent
        Counters to update.

    Attributes
    ----------
    online_at
        `time.monotonic()` at which its own `online` was received and all subscriptions were
        acknowledged; None while offline.
    tries
        Number of connection attempts.
    seq
        `seq` of the next estimate.
    estimate_packet, state_payload
        Next estimate and state, except for times and `seq`.
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
        self._unacknowledged: set[int] = set()
        self._frames = Frames()
        self._to_subscribe: list[str] = []
        self._online_number = 0
        self._started_at = time.monotonic()
        self._tick = random.randrange(HEALTH_EVERY)  # random phase
        self.seq = WARM_UP
        self.online_at: float | None = None
        self.tries = 0
        self.estimate_packet, self._stamps = bytearray(), (0, 0, 0)
        self.state_payload = b""

    def start(self) -> None:
        """Connect with a new client id, as each session of a streamer does."""
        self.tries += 1
        self.open(f"streamer-{self.name}-{secrets.token_hex(4)}", self.topics.status)

    def connected(self) -> None:
        self._confirmed = self._announced = self._settled = False
        self._to_subscribe = list(self._filters)
        self._unacknowledged, self._frames = set(), Frames()
        self._online_number = self._publish(self.topics.status, b"online", retain=True)

    def acknowledged(self, number: int) -> None:
        self._unacknowledged.discard(number)
        if number == self._online_number:
            self._online_number = -1
            self._subscribe_next()

    def subscribed(self, number: int) -> None:  # noqa: ARG002 - one at a time
        self._subscribe_next()

    def received(self, message: MQTTMessage) -> None:
        if message.topic == self.topics.status and message.payload == b"online":
            self._confirmed = True
            self._mark_online()
        elif message.topic in self._devices:
            self._announced = True

    def read(self) -> None:
        """Let paho read until only acknowledgements are expected, then discard these without paho.

        paho takes longer to read a PUBACK than to publish the message.
        """
        super().read()
        client = self.client
        self._settled = self.online_at is not None and self._announced and not self._unacknowledged
        if self._settled and client is not None and client.connected_socket is not None:
            self.loop.watch(client.connected_socket.fileno(), self._skip_acknowledgements)

    def lost(self) -> None:
        now = time.monotonic()
        lasted = now - self.online_at if self.online_at is not None else 0.0
        self.online_at = None
        self.loop.call_later(self._backoff.next_delay(lasted), self.start)

    def tick(self) -> None:
        """Send an estimate, and state and health if due."""
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
        """Encode an estimate and a state; their times and `seq` are patched on sending.

        Encoding every message with the models and paho would take too much of a core.
        """
        if self.client is None:
            return
        valence, arousal = random.uniform(-1, 1), random.uniform(-1, 1)
        estimate = VA(
            ts=_now_ms(), seq=WARM_UP, valence=valence, arousal=arousal, valence_std=0.1234,
            arousal_std=0.1234, raw=Point(valence=valence, arousal=arousal), silence=False,
            warm=1.0, latency_ms=AUDIO_AGE_MS,
        )  # fmt: skip
        packet = self.client.encode(self.topics.va(ZONE), estimate.to_json(), _ESTIMATE_PROPERTIES)
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
        uptime = time.monotonic() - self._started_at
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
        if client is None or client.connected_socket is None:
            return
        try:
            data = client.connected_socket.recv(4096)
        except (BlockingIOError, ConnectionError):
            data = b""
        if data:
            if self._frames.feed(data):
                raise RuntimeError(f"{self.name} received an unexpected message")
        else:
            super().read()  # lets paho detect the closed connection

    def _subscribe_next(self) -> None:
        if self.client is None:
            return
        if self._to_subscribe:
            self.client.subscribe(self._to_subscribe.pop(0), qos=1)
            return
        for topic, device in self._devices.items():
            self._publish(topic, device, retain=True)
        self._mark_online()

    def _mark_online(self) -> None:
        if self._confirmed and not self._to_subscribe and self.online_at is None:
            self.online_at = time.monotonic()
            self.renew()
            self._send_state()

    def _send_estimate(self) -> None:
        client = self.client
        if client is None or (sock := client.connected_socket) is None:
            return
        if client.want_write():  # paho has a partly sent packet
            client.loop_write()
            self._sent.dropped += 1
            return
        ts, seq, latency = self._stamps
        tenths = int(time.time() * 1e4)  # of a millisecond, the resolution of `latency_ms`
        packet = self.estimate_packet
        packet[ts : ts + 13] = b"%d" % (tenths // 10 - AUDIO_AGE_MS)
        packet[seq : seq + 6] = b"%d" % self.seq
        packet[latency : latency + 4] = b"%d.%d" % (AUDIO_AGE_MS, tenths % 10)
        try:
            size = sock.send(packet)
        except BlockingIOError:
            self._sent.dropped += 1
            return
        except OSError:  # connection lost; paho detects it on the next read
            return
        if size < len(packet):
            raise RuntimeError("the broker does not read: an estimate was sent in part")
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
        result = self.client.publish(topic, payload, qos, retain, properties=_JSON_PROPERTIES)
        if qos and not self._settled:
            self._unacknowledged.add(result.mid)
        return result.mid


def packet_sizes() -> dict[str, int]:
    """Return the size of each kind of message as sent to the broker, without TCP, bytes."""
    loop = Loop()
    remote, local_socket = socket.socketpair()
    node = Node(loop, 1, "node-00000", Sent())
    client = Paho("sizes", acknowledges=True)
    client.connect_async("127.0.0.1")
    client.connected_socket = local_socket
    try:
        client.reconnect()
        node.client = client
        node.renew()
        state = node.topics.state(ZONE)
        return {
            "va": len(node.estimate_packet),
            "state": len(client.encode(state, node.state_payload, _JSON_PROPERTIES))
            + _PACKET_ID_BYTES,
            "health": len(
                client.encode(node.topics.health(ZONE), node.health(_now_ms()), _JSON_PROPERTIES)
            ),
        }
    finally:
        node.close()
        remote.close()
        loop.close()


def _now_ms() -> int:
    return round(time.time() * 1e3)
