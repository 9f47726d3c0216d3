"""Where it happens: a broker behind a wire, two sound cards, a radio, lights, a disk."""

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


class Place:
    """The venue, all of it running; see `open_place`.

    Attributes
    ----------
    card, other_card
        Sound servers: the first has the microphone "alpha", the second "beta", which nothing
        happens to.
    front
        The radio's address, which leads to where it really is.
    engine
        The file that the faulty engine obeys.
    disk
        A small file system of its own, for recordings.
    process
        The program.
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
        self.front = WebServer({"/live": self.lead_to_the_radio})
        self.source: SourceClient
        self.song = mp3_song()
        self.process: asyncio.subprocess.Process
        self.observer = Observer(self.broker.port, USER, SECRET, LIGHTS)

    def lead_to_the_radio(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as a station does that moved."""
        handler.send_response(302)
        handler.send_header("Location", self.radio.url())
        handler.end_headers()

    def broadcast(self) -> None:
        self.source = SourceClient(self.radio, self.song, SONG_SECONDS)

    def begin_radio(self) -> None:
        self.radio.start()
        self.broadcast()

    def plug_in(self) -> None:
        self.module = self.card.plug_in("alpha")

    def children(self, words: str) -> list[psutil.Process]:
        """Return the program's children whose command line has these words."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if words in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def decoders(self, *, online: bool) -> list[psutil.Process]:
        """Return the program's decoders that do, or do not, hold a connection."""
        return [
            child
            for child in self.children("decoder")
            if bool(child.net_connections("tcp")) == online
        ]

    def compose(self, first: int, last: int) -> np.ndarray:
        """What the microphone hears."""
        sound = noise(first, last)
        return sound * 0 if self.muted else sound

    async def start_program(self) -> None:
        """Start it, and wait until every zone is heard of."""
        self.config.write_text(
            CONFIG.format(
                radio=f"{self.front.url}/live?token={TOKEN}",
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
async def open_place(folder: Path) -> AsyncIterator[Place]:
    """Start everything; end everything."""
    place = Place(folder)
    async with AsyncExitStack() as stack:
        stack.enter_context(_disk(place.disk))
        stack.callback(place.observer.close)
        place.broker.start()
        stack.callback(place.broker.kill)
        await place.proxy.start()
        stack.push_async_callback(place.proxy.refuse)
        stack.enter_context(_sound(place))
        place.begin_radio()
        stack.callback(place.radio.stop)
        stack.callback(lambda: place.source.stop())
        stack.enter_context(place.front)
        await place.start_program()
        assert place.process.stderr is not None
        tasks = [
            asyncio.create_task(place.observer.read_log(place.process.stderr)),
            asyncio.create_task(place.observer.subscribe()),
            asyncio.create_task(place.observer.watch_lights()),
        ]
        try:
            yield place
        finally:
            await _end(place.process)
            await asyncio.wait(tasks[:1], timeout=5)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@contextlib.contextmanager
def _sound(place: Place) -> Iterator[None]:
    with ExitStack() as stack:
        for card in (place.card, place.other_card):
            card.start()
            stack.callback(card.close)
        place.card.add_devices_of(place.other_card)
        place.plug_in()
        place.other_card.plug_in("beta")
        stack.enter_context(MicrophonePlayer(place.card.pipe("alpha"), place.compose))
        stack.enter_context(MicrophonePlayer(place.other_card.pipe("beta"), noise))
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
