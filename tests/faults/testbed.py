"""Testbed: broker behind a proxy, two sound servers, radio, lights and a small disk."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import psutil

from tests.faults.observer import NODE, Observer
from tests.faults.proxy import Proxy
from tests.support.icecast import SONG_SECONDS, Icecast, SourceClient, WebServer, mp3_song
from tests.support.mosquitto import Mosquitto, guarded
from tests.support.pulseaudio import MicrophonePlayer, PulseServer, noise

USER, SECRET = "stage", "canary-of-the-broker"
TOKEN = "canary-of-the-radio"  # noqa: S105

CONFIG = """
[[zones]]
id = "mic"
input = "mic"
device = "alpha"
[[zones]]
id = "steady"
input = "mic"
device = "beta"
[[zones]]
id = "radio"
input = "{radio}"
[[zones]]
id = "file"
input = "demo"
[mqtt]
broker = "mqtt://127.0.0.1:{port}"
user = "{user}"
password_file = "password"
node = "{node}"
health_interval = 1.0
[lights]
show = "show.toml"
[record]
folder = "disk/recordings"
free_gb = 0.02
limit_gb = 0.04
minutes = 2.0
"""

SHOW = """
[show]
zone = "mic"
rate = 20
on_loss = "hold"
loss_after = 1.0
hold_time = 0.5
fade_time = 0.5
[palettes.stage]
anchors = [{{ valence = 0, arousal = 0, color = "white" }}]
[[outputs]]
name = "stage"
protocol = "sacn"
destination = "127.0.0.1"
[[fixtures]]
name = "wash"
type = "dimmer-rgb"
output = "stage"
universe = 1
address = 1
palette = "stage"
intensity = [0.5, 1.0]
"""
LIGHTS = 5568


class Testbed:
    """All peers and the process under test; see `open_testbed`.

    Attributes
    ----------
    card, other_card
        Sound servers: the first has the microphone "alpha"; the second has "beta", which stays
        healthy.
    redirector
        Web server that redirects to the radio.
    engine
        File that controls the faulty engine.
    disk
        Small file system for recordings.
    process
        The process under test.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = folder / "engine"
        self.engine.write_text("")
        self.disk = folder / "disk"
        self.config = folder / "config.toml"
        broker = folder / "broker"
        broker.mkdir()
        self.broker = Mosquitto(
            broker, *guarded(broker, USER, SECRET, "user stage", "topic readwrite #")
        )
        self.proxy = Proxy(self.broker.port)
        self.card, self.other_card = PulseServer(("alpha",)), PulseServer(("beta",))
        self.module = ""
        self.muted = False
        self.radio = Icecast(folder)
        self.redirector = WebServer({"/live": self.redirect_to_radio})
        self.source: SourceClient
        self.song = mp3_song()
        self.process: asyncio.subprocess.Process
        self.observer = Observer(self.broker.port, USER, SECRET, LIGHTS)

    def redirect_to_radio(self, handler: BaseHTTPRequestHandler) -> None:
        """Redirect to the radio, as a station that moved."""
        handler.send_response(302)
        handler.send_header("Location", self.radio.url())
        handler.end_headers()

    def broadcast(self) -> None:
        self.source = SourceClient(self.radio, self.song, SONG_SECONDS)

    def start_radio(self) -> None:
        self.radio.start()
        self.broadcast()

    def plug_in(self) -> None:
        self.module = self.card.plug_in("alpha")

    def children(self, text: str) -> list[psutil.Process]:
        """Return the descendants whose command line contains the text."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if text in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def decoders(self, *, online: bool) -> list[psutil.Process]:
        """Return the decoder processes with, or without, a TCP connection."""
        return [
            child
            for child in self.children("decoder")
            if bool(child.net_connections("tcp")) == online
        ]

    def compose(self, first: int, last: int) -> np.ndarray:
        """Return the samples of the microphone."""
        samples = noise(first, last)
        return samples * 0 if self.muted else samples

    async def start_program(self) -> None:
        """Write the configuration and start the process."""
        self.config.write_text(
            CONFIG.format(
                radio=f"{self.redirector.url}/live?token={TOKEN}",
                port=self.proxy.port, user=USER, node=NODE,
            )
        )  # fmt: skip
        (self.folder / "show.toml").write_text(SHOW.format())
        (self.folder / "password").write_text(SECRET)
        environment = {**os.environ, **self.card.environment, "FAULTY_ENGINE": str(self.engine)}
        root = Path(__file__).parents[2]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.program", "run", "--log", "json",
            "--config", str(self.config),
            cwd=root, env=environment, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


@asynccontextmanager
async def open_testbed(folder: Path) -> AsyncIterator[Testbed]:
    """Start all peers and the process; stop them on exit."""
    testbed = Testbed(folder)
    async with AsyncExitStack() as stack:
        stack.enter_context(_disk(testbed.disk))
        stack.callback(testbed.observer.close)
        testbed.broker.start()
        stack.callback(testbed.broker.kill)
        await testbed.proxy.start()
        stack.push_async_callback(testbed.proxy.refuse)
        stack.enter_context(_microphones(testbed))
        testbed.start_radio()
        stack.callback(testbed.radio.stop)
        stack.callback(lambda: testbed.source.stop())
        stack.enter_context(testbed.redirector)
        await testbed.start_program()
        assert testbed.process.stderr is not None
        tasks = [
            asyncio.create_task(testbed.observer.read_log(testbed.process.stderr)),
            asyncio.create_task(testbed.observer.subscribe()),
            asyncio.create_task(testbed.observer.watch_lights()),
        ]
        try:
            yield testbed
        finally:
            await _end(testbed.process)
            await asyncio.wait(tasks[:1], timeout=5)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@contextlib.contextmanager
def _microphones(testbed: Testbed) -> Iterator[None]:
    with ExitStack() as stack:
        for card in (testbed.card, testbed.other_card):
            card.start()
            stack.callback(card.close)
        testbed.card.add_devices_of(testbed.other_card)
        testbed.plug_in()
        testbed.other_card.plug_in("beta")
        stack.enter_context(MicrophonePlayer(testbed.card.pipe("alpha"), testbed.compose))
        stack.enter_context(MicrophonePlayer(testbed.other_card.pipe("beta"), noise))
        yield


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
