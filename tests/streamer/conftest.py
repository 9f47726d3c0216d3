"""A real mosquitto, a subscriber, a publisher that is fed; music, files of it, the engine."""

import asyncio
import contextlib
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.cli import main
from streamer.config.models import HomeAssistant, Mqtt
from streamer.engines import Engine, open_engine
from streamer.engines.cuda import find_gpu
from streamer.errors import EngineError
from streamer.logs import OWN_LOGGERS, RateLimitFilter
from streamer.mqtt import BrokerAddress, Publisher
from streamer.mqtt.commands import CommandHandler
from streamer.tracking import Affect, Update
from tests.support.mosquitto import Certificates, Mosquitto
from tests.support.ports import free_port as port_that_is_free
from tests.support.pulseaudio import MicrophonePlayer, PulseServer, noise

PROGRAM = str(Path(sys.executable).with_name("streamer"))


def make_update(tick: int = 0, **changes: Any) -> Update:
    affect = Affect(0.5, 0.25 + 0.001 * (tick % 10), 0.1, 0.2)
    values = {
        "tick": tick,
        "time": tick / 10,
        "captured": time.monotonic() - 0.01,
        "raw": affect,
        "smooth": affect,
        "silence": False,
        "warm": 1.0,
        "level": -20.0,
    }
    return Update(**{**values, **changes})


class Subscriber:
    """Everything a broker says below `#`, with the time it came."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, aiomqtt.Message]] = []
        self._news = asyncio.Event()

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.messages.append((time.time(), message))
            self._news.set()

    def on(self, topic: str) -> list[aiomqtt.Message]:
        return [message for _, message in self.messages if str(message.topic) == topic]

    def payloads(self, topic: str) -> list[Any]:
        return [json.loads(message.payload) for message in self.on(topic)]

    def texts(self, topic: str) -> list[str]:
        return [message.payload.decode() for message in self.on(topic)]

    async def until(self, done: Callable[[], object], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not done():
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def subscribed(
    address: BrokerAddress, version: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V311
) -> AsyncIterator[Subscriber]:
    async with aiomqtt.Client(address.host, address.port, protocol=version, timeout=10) as client:
        await client.subscribe("#", qos=1)
        subscriber = Subscriber()
        task = asyncio.create_task(subscriber.listen(client))
        try:
            yield subscriber
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()


@contextlib.asynccontextmanager
async def publishing(
    address: BrokerAddress,
    *,
    feed: bool = True,
    home_assistant: HomeAssistant | None = None,
    handler: CommandHandler | None = None,
    **options: Any,
) -> AsyncIterator[Publisher]:
    """Run a publisher of the zone `main`, fed at 10 Hz."""
    config = Mqtt(**{"node": "test", "keepalive": 1, **options})
    publisher = Publisher(
        config, address, zones=["main"], home_assistant=home_assistant, handler=handler
    )

    async def offer() -> None:
        tick = 0
        while True:
            publisher.offer_update("main", make_update(tick))
            tick += 1
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        feeder = group.create_task(offer()) if feed else None
        try:
            yield publisher
        finally:
            if feeder is not None:
                feeder.cancel()
            await publisher.close()


@pytest.fixture
def free_port() -> int:
    return port_that_is_free()


@pytest.fixture(scope="session")
def update() -> Callable[..., Update]:
    return make_update


@pytest.fixture(scope="session")
def subscribe() -> Any:
    return subscribed


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = list(logging.getLogger().handlers)
    levels = {name: logging.getLogger(name).level for name in ("", *OWN_LOGGERS)}
    yield
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log messages after the rate limit, as the program writes them."""
    rate_limit = RateLimitFilter()
    caplog.handler.addFilter(rate_limit)
    yield caplog
    caplog.handler.removeFilter(rate_limit)


@pytest.fixture
def publish() -> Any:
    return publishing


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    brokers: list[Mosquitto] = []

    def launch(*options: str) -> Mosquitto:
        broker = Mosquitto(tmp_path, *options)
        brokers.append(broker)
        broker.start()
        return broker

    yield launch
    for broker in brokers:
        broker.kill()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mosquitto(launch: Callable[..., Mosquitto]) -> Mosquitto:
    return launch()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One broker for every test that leaves it as it was; each uses a node of its own."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The shipped weights."""
    return open_engine()


@pytest.fixture(scope="session")
def random_windows(engine: Engine) -> Callable[[int], tuple[NDArray[np.float32], ...]]:
    """Both views of so many windows, in the ranges of music, the same for the same number."""

    def windows(count: int) -> tuple[NDArray[np.float32], ...]:
        spec = engine.front_end
        random = np.random.default_rng(count)
        mel = random.normal(-8, 3, (count, spec.mel_bands, spec.window_frames)).astype(np.float32)
        shape = count, spec.gammatone_channels, spec.window_frames
        return mel, random.random(shape, dtype=np.float32)

    return windows


@pytest.fixture(scope="session")
def without_gpu() -> None:
    """Skip what says how it is where there is no GPU."""
    with contextlib.suppress(EngineError):
        pytest.skip(f"there is a GPU: {find_gpu().name}")


def make_music(seconds: float, rate: int, seed: int = 0) -> NDArray[np.float32]:
    """Chords that change every half second over a little noise, mono, peak below 0.5."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = random.normal(0, 0.003, len(time))
    for chord in range(math.ceil(2 * seconds)):
        part = (time >= chord / 2) & (time < (chord + 1) / 2)
        since = time[part] - chord / 2
        for tone in 110 * 2 ** (random.choice(36, 4, replace=False) / 12):
            sound[part] += 0.1 * np.exp(-3 * since) * np.sin(2 * np.pi * tone * since)
    return sound.astype(np.float32)


@pytest.fixture(scope="session")
def music() -> Callable[..., NDArray[np.float32]]:
    return make_music


@pytest.fixture(scope="session")
def write_wav() -> Callable[..., Path]:
    """Write mono sound as a WAV of 16 bits, each channel of it alike."""

    def write(path: Path, sound: NDArray[np.float32], rate: int, channels: int = 2) -> Path:
        samples = np.repeat(np.round(sound * 32767).astype("<i2"), channels)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(samples.tobytes())
        return path

    return write


@dataclass(frozen=True)
class Answer:
    """What a command said and with which code it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder where no configuration but a test's own is found."""
    for name in [name for name in os.environ if name.startswith("STREAMER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def streamer(
    away: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Call the command line in this process, with a file in place of standard input."""

    def call(*arguments: object, stdin: Path | None = None) -> Answer:
        monkeypatch.setattr(sys, "argv", ["streamer", *map(str, arguments)])
        code: str | int | None = 0
        with contextlib.ExitStack() as stack:
            if stdin is not None:
                monkeypatch.setattr(sys, "stdin", stack.enter_context(stdin.open()))
            try:
                main()
            except SystemExit as end:
                code = end.code
        out, err = capfd.readouterr()
        return Answer(int(code or 0), out, err)

    return call


@pytest.fixture
def program(away: Path) -> Callable[..., Answer]:
    """Run the installed `streamer` as a process of its own."""

    def call(*arguments: object, stdin: Path | None = None) -> Answer:
        with (stdin or Path(os.devnull)).open("rb") as source:
            ended = subprocess.run(
                [PROGRAM, *map(str, arguments)],
                stdin=source,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    return call


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    """A daemon that runs, without devices; PortAudio finds it."""
    assert shutil.which("pulseaudio"), "this test needs PulseAudio: apt install pulseaudio"
    pulse = PulseServer()
    for name, value in pulse.environment.items():
        monkeypatch.setenv(name, value)
    pulse.start()
    yield pulse
    pulse.close()


@pytest.fixture
def stage(pulse: PulseServer) -> Iterator[dict[str, str]]:
    """Noise before both microphones, which are plugged in: their modules by their names."""
    modules = {name: pulse.plug_in(name) for name in pulse.microphones}
    players = [MicrophonePlayer(pulse.pipe(name), noise) for name in pulse.microphones]
    yield modules
    for player in players:
        player.end()
