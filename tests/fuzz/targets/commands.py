"""Fuzz commands over MQTT, with a real zone and its controller."""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer.app.controller import Controller
from streamer.app.reloadable import ReloadResult
from streamer.config import HomeAssistant, Mqtt, Tracking, Zone
from streamer.engines import open_engine
from streamer.errors import ConfigError
from streamer.helpers import TokenBucket
from streamer.mqtt.commands import COMMAND_NAMES
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.incoming import IncomingMessages
from streamer.mqtt.payloads import Ack
from streamer.mqtt.pending import OutgoingMessage
from streamer.mqtt.topics import Topics
from streamer.tracking.batching import BatchingInference
from streamer.tracking.calibration import CalibrationStore
from streamer.tracking.zone import ZoneTracker
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import FuzzFailure, Input, check_text, message_kind

MQTT = Mqtt(node="fuzz")
MAX_ACK_SIZE = 8192  # packet size, bytes
_GOOD = (
    b"kalman", b"5", b"on", b"off", b"start", b"reset", b"now", b"30", b'{"value": 5, "id": "a"}',
    b'{"value": true}', b'"one-euro"', b'{"value": "none", "id": 7}',
)  # fmt: skip
_TOKENS = (
    b"{", b"[", b'"', b"\\ud800", b"\\u0000", b"NaN", b"-Infinity", b"1e999", b"\xff",
    b"\xef\xbb\xbf",
    b"null", b'"id":', b'"value":', b"\x1b[31m", b"\n", b"9" * 400, b"{" * 500, b"[" * 1000,
)  # fmt: skip
_TOPICS = ("desk/answers", "a/+/b", "#", "", "\0", "a\nb", "$share/x/y", "$SYS/x", "x" * 2000, "é")


class CommandTarget(Target):
    """Deliver one message, and check the acknowledgements and the zone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._loop = asyncio.new_event_loop()
        self._inference = BatchingInference(open_engine())
        self._inference.__enter__()
        self._messages: list[OutgoingMessage] = []
        self._loop.run_until_complete(self._set_up())

    def make(self, random: Random) -> Input:
        given = {
            "topic": self._topic(random).encode(errors="replace"),
            "payload": self._payload(random),
            "flags": json.dumps(
                {"retain": random.random() < 0.05, "reload": random.random() < 0.5}
            ).encode(),
        }
        if random.random() < 0.4:
            given["response"] = random.choice(_TOPICS).encode()
        if random.random() < 0.1:
            ours = ("status", "main/va", "main/state", "main/cmd/rate", "main/ack/rate")
            given["response"] = f"{self._topics.base}/{random.choice(ours)}".encode()
        if random.random() < 0.3:
            given["correlation"] = random.randbytes(random.choice((0, 1, 16, 2000, 65_000)))
        return given

    def check(self, given: Input) -> str:
        return self._loop.run_until_complete(self._check(given))

    def close(self) -> None:
        self._loop.run_until_complete(self._control.close())
        self._loop.close()
        self._inference.__exit__(None, None, None)

    async def _set_up(self) -> None:
        zone = Zone(input="mic")
        self._tracker = ZoneTracker(zone, Tracking(), self._inference, lambda *_: None)
        self._topics = Topics.from_config(MQTT)
        self._acks: list[Ack] = []
        self._reloadable = True
        self._control = Controller(
            {"main": zone},
            {"main": self._tracker},
            CalibrationStore(self.folder / "calibration.json"),
            reload=self._reload,
            send_ack=lambda _, ack: self._acks.append(ack),
            on_controls=lambda *_: None,
        )
        self._control.apply(Tracking())
        self._incoming = IncomingMessages(
            self._topics,
            {"main": None},
            discovery=Discovery(HomeAssistant(), MQTT, ["main"], controlled=True),
            handler=self._control.execute,
            enqueue=self._messages.append,
            on_home_assistant_start=lambda: None,
        )
        self._incoming._command_limit = TokenBucket(1e9, 1e9)  # no rate limit

    def _reload(self) -> ReloadResult:
        if not self._reloadable:
            raise ConfigError("c.toml: no")
        return ReloadResult(None, (), ())  # type: ignore[arg-type]

    async def _check(self, given: Input) -> str:
        flags = json.loads(given["flags"])
        self._reloadable = flags["reload"]
        message = _message(given, retain=flags["retain"])
        if message is None:
            return "no topic"
        topic = str(message.topic)
        self._messages.clear()
        before, ignored_commands = self._zone(), self._incoming.ignored_commands
        self._incoming.handle(message)
        await asyncio.sleep(0)
        for each in self._messages:
            _check_message(each)
        if self._topics.parse_command_topic(topic) is None:
            return "no command"
        if self._incoming.ignored_commands > ignored_commands:
            self._expect_unchanged(before)
            return "left out"
        acks = [each for each in self._messages if "/ack/" in each.topic]
        if not acks:
            raise FuzzFailure(f"no answer to {topic[:200]!a}")
        ack = Ack.model_validate_json(acks[0].payload)
        check_text(ack.reason)
        if not ack.ok:
            self._expect_unchanged(before)
        return f"ok {ack.ok}: {message_kind(ack.reason)}"

    def _zone(self) -> Any:
        tracker = self._tracker
        trajectory = tracker.trajectory
        return (
            tracker.tracking,
            trajectory.hold_output,
            tracker.gain.fixed_db,
            trajectory.correction,
        )

    def _expect_unchanged(self, before: Any) -> None:
        if self._zone() != before:
            raise FuzzFailure(f"refused, and yet {before} became {self._zone()}")

    def _topic(self, random: Random) -> str:
        base = self._topics.base
        if random.random() < 0.75:
            return f"{base}/main/cmd/{random.choice(COMMAND_NAMES)}"
        zone = random.choice(("main", "attic", "", "x" * 60_000, "a\nb", "\x1b[2J", "é", "\u202e"))
        name = random.choice((*COMMAND_NAMES, "rat", "", "y" * 60_000, "a\r\nb", "\x00", "va"))
        return random.choice(
            (
                f"{base}/{zone}/cmd/{name}", f"{base}/status", "homeassistant/status",
                f"homeassistant/device/streamer-fuzz/{zone}/config", f"{base}/main/cmd", base,
                some_bytes(random, 30).decode("latin-1"),
            )
        )  # fmt: skip

    def _payload(self, random: Random) -> bytes:
        match random.randrange(4):
            case 0:
                return random.choice(_GOOD)
            case 1:
                return some_bytes(random, 3000)
        return mutated(random, random.choice(_GOOD), others=_GOOD, tokens=_TOKENS)


def _message(given: Input, *, retain: bool) -> aiomqtt.Message | None:
    """Return the message as aiomqtt delivers it; None if it would not."""
    message = MQTTMessage(topic=given["topic"])
    message.payload, message.retain = given["payload"], retain
    properties = Properties(PacketTypes.PUBLISH)
    try:
        if "response" in given:
            properties.ResponseTopic = given["response"].decode()
        if "correlation" in given:
            properties.CorrelationData = given["correlation"]
        message.properties = properties
        return aiomqtt.Message._from_paho_message(message)
    except (ValueError, TypeError):
        return None


def _check_message(message: OutgoingMessage) -> None:
    """Raise if a broker would reject a message, or if it is on a topic of ours."""
    topic = message.topic.encode()
    properties = b"" if message.properties is None else message.properties.pack()
    if set(message.topic) & set("+#\0") or not topic:
        raise FuzzFailure(f"an answer on {message.topic[:100]!a}")
    ours = message.topic.startswith("streamer/fuzz/") and "/ack/" not in message.topic
    status = (message.topic, message.payload) == ("streamer/fuzz/status", b"online")
    if message.topic.startswith("$") or (ours and not status):
        raise FuzzFailure(f"an answer on {message.topic[:100]!a}")
    if len(topic) + len(properties) + len(message.payload) > MAX_ACK_SIZE:
        length = len(topic) + len(properties) + len(message.payload)
        raise FuzzFailure(f"an answer of {length} bytes")
