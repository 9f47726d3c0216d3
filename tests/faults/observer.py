"""Collect the output of the process: estimates, health, log, lights."""

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
    """A message on `va` with its arrival; times are `time.time()`."""

    arrived: float
    captured: float
    seq: int
    values: tuple[float, ...]
    latency: float


@dataclass(frozen=True, slots=True)
class Line:
    """A log line."""

    arrived: float
    level: str
    logger: str
    text: str
    zone: str | None
    traceback: str


@dataclass(frozen=True, slots=True)
class Health:
    """A health message of a zone."""

    arrived: float
    zone: str
    state: str
    reason: str
    message: dict[str, Any]


class Observer:
    """Collects all output, in order of arrival."""

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

    def since(self, zone: str, started: float) -> list[Estimate]:
        """Return the estimates of a zone that arrived since a time."""
        estimates = self.estimates.get(zone, [])
        at = len(estimates)
        while at and estimates[at - 1].arrived >= started:
            at -= 1
        return estimates[at:]

    async def subscribe(self) -> None:
        """Subscribe to the broker; reconnect until cancelled."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    "127.0.0.1", self._broker, username=self._user, password=self._password,
                    keepalive=5, timeout=2,
                ) as client:  # fmt: skip
                    await client.subscribe(f"streamer/{NODE}/#")
                    async for message in client.messages:
                        self._record(str(message.topic), bytes(message.payload))
            await asyncio.sleep(0.1)

    async def read_log(self, stream: asyncio.StreamReader) -> None:
        """Collect the log until the process ends."""
        async for line in stream:
            self.raw += line
            text = line.decode(errors="replace").strip()
            try:
                message = json.loads(text)
                found = Line(
                    time.time(), message["level"], message["logger"], message["message"],
                    message.get("zone"), message.get("exception", ""),
                )  # fmt: skip
            except (ValueError, KeyError, TypeError):
                found = Line(time.time(), "none", "", text, None, text)
            self.log.append(found)

    async def watch_lights(self) -> None:
        """Collect the levels of every sACN frame with their arrival."""
        loop = asyncio.get_running_loop()
        while True:
            levels = DataPacket.make_data_packet(await loop.sock_recv(self._socket, 2048)).dmxData
            self.light.append((time.time(), tuple(levels[:4])))

    def close(self) -> None:
        self._socket.close()

    def _record(self, topic: str, payload: bytes) -> None:
        now = time.time()
        self.raw += topic.encode() + b" " + payload + b"\n"
        match topic.split("/")[2:]:
            case ["status"]:
                self.status.append((now, payload.decode()))
            case [zone, "va"]:
                message = json.loads(payload)
                values = (
                    message["valence"], message["arousal"],
                    message["valence_std"], message["arousal_std"],
                )  # fmt: skip
                found = Estimate(
                    now, message["ts"] / 1e3, message["seq"], values, message["latency_ms"]
                )
                self.estimates.setdefault(zone, []).append(found)
            case [zone, "health"]:
                message = json.loads(payload)
                self.health.append(Health(now, zone, message["state"], message["reason"], message))
