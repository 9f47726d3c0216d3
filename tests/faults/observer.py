"""What comes out of the program: estimates, health, log, lights."""

import asyncio
import contextlib
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

import aiomqtt
from sacn.messages.data_packet import DataPacket

NODE = "lab"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A message on `va`, and when it came; times are those of `time.time()`."""

    arrived: float
    captured: float
    seq: int
    values: tuple[float, ...]
    latency: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log."""

    arrived: float
    level: str
    logger: str
    text: str
    zone: str | None
    traceback: str


@dataclass(frozen=True, slots=True)
class Health:
    """What a zone's health said."""

    arrived: float
    zone: str
    state: str
    reason: str
    message: dict[str, Any]


class Observer:
    """Keeps all that is said, in the order in which it came."""

    def __init__(self, broker: int, user: str, password: str, lights: int) -> None:
        self.estimates: dict[str, list[Estimate]] = {}
        self.health: list[Health] = []
        self.log: list[Line] = []
        self.status: list[tuple[float, str]] = []
        self.light: list[tuple[float, tuple[int, ...]]] = []
        self.raw = bytearray()
        self._broker, self._user, self._password = broker, user, password
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", lights))
        self._socket.setblocking(False)

    def since(self, zone: str, begun: float) -> list[Estimate]:
        """Return the estimates of a zone that came since then."""
        estimates = self.estimates.get(zone, [])
        at = len(estimates)
        while at and estimates[at - 1].arrived >= begun:
            at -= 1
        return estimates[at:]

    async def subscribe(self) -> None:
        """Hear the broker, whatever becomes of it."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    "127.0.0.1", self._broker, username=self._user, password=self._password,
                    keepalive=5, timeout=2,
                ) as client:  # fmt: skip
                    await client.subscribe(f"streamer/{NODE}/#")
                    async for message in client.messages:
                        self._take(str(message.topic), bytes(message.payload))
            await asyncio.sleep(0.1)

    async def read_log(self, stream: asyncio.StreamReader) -> None:
        """Read what the program says until it ends."""
        async for line in stream:
            self.raw += line
            text = line.decode(errors="replace").strip()
            try:
                said = json.loads(text)
                found = Line(
                    time.time(), said["level"], said["logger"], said["message"], said.get("zone"),
                    said.get("exception", ""),
                )  # fmt: skip
            except (ValueError, KeyError, TypeError):
                found = Line(time.time(), "none", "", text, None, text)
            self.log.append(found)

    async def watch_lights(self) -> None:
        """Keep each change of what the lights are told, and when the last frame came."""
        loop = asyncio.get_running_loop()
        while True:
            levels = DataPacket.make_data_packet(await loop.sock_recv(self._socket, 2048)).dmxData
            self.light.append((time.time(), tuple(levels[:4])))

    def close(self) -> None:
        self._socket.close()

    def _take(self, topic: str, payload: bytes) -> None:
        now = time.time()
        self.raw += topic.encode() + b" " + payload + b"\n"
        match topic.split("/")[2:]:
            case ["status"]:
                self.status.append((now, payload.decode()))
            case [zone, "va"]:
                said = json.loads(payload)
                values = (
                    said["valence"], said["arousal"], said["valence_std"], said["arousal_std"],
                )  # fmt: skip
                found = Estimate(now, said["ts"] / 1e3, said["seq"], values, said["latency_ms"])
                self.estimates.setdefault(zone, []).append(found)
            case [zone, "health"]:
                said = json.loads(payload)
                self.health.append(Health(now, zone, said["state"], said["reason"], said))
