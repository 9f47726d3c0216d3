"""What can go wrong, each as a context: broken when it is entered, mended when it is left."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TypeVar

import aiomqtt
import psutil

from tests.faults.observer import NODE
from tests.faults.place import SECRET, USER, Place
from tests.support.icecast import send

Work = TypeVar("Work", bound=Callable[[Place], AbstractAsyncContextManager[None]])
ALL = ("mic", "steady", "radio", "file")


@dataclass(frozen=True)
class Fault:
    """Something that can go wrong.

    Attributes
    ----------
    name
        For people.
    make
        Breaks it and mends it.
    zones
        Whose estimates it may disturb.
    lasts
        Seconds, at least and at most.
    deaf
        Whether the zones cannot hear anything meanwhile: an estimate of such sound is false.
    remote
        Whether its zones come back by the slower pace that remote servers are asked at.
    told
        Words of log or health by which it is noticed; empty where nothing has to be said.
    """

    name: str
    make: Callable[[Place], AbstractAsyncContextManager[None]]
    zones: tuple[str, ...] = ALL
    lasts: tuple[float, float] = (2.0, 4.0)
    deaf: bool = False
    remote: bool = False
    told: tuple[str, ...] = ()


CATALOGUE: list[Fault] = []


def fault(name: str, **how: object) -> Callable[[Work], Work]:
    def add(make: Work) -> Work:
        CATALOGUE.append(Fault(name, make, **how))  # type: ignore[arg-type]
        return make

    return add


# --- the microphone ---


@fault("microphone unplugged", zones=("mic",), deaf=True, told=("is lost", "nothing but zeros"))
@asynccontextmanager
async def unplugged(place: Place) -> AsyncIterator[None]:
    await asyncio.to_thread(place.card.unplug, place.module)
    yield
    await asyncio.to_thread(place.plug_in)


@fault("sound server ended", zones=("mic",), deaf=True, told=("is lost",))
@asynccontextmanager
async def sound_server_ended(place: Place) -> AsyncIterator[None]:
    await asyncio.to_thread(place.card.stop)
    yield
    await asyncio.to_thread(place.card.start)
    await asyncio.to_thread(place.plug_in)


@fault("sound server hangs", zones=("mic",), deaf=True, told=("is lost",))
@asynccontextmanager
async def sound_server_hangs(place: Place) -> AsyncIterator[None]:
    place.card.hang()
    yield
    place.card.resume()


@fault("microphone gives zeros", zones=("mic",), lasts=(7.0, 9.0), told=("zeros", "-60 dBFS"))
@asynccontextmanager
async def zeros(place: Place) -> AsyncIterator[None]:
    place.muted = True
    yield
    place.muted = False


@fault("recorder killed", zones=("mic",), lasts=(0.0, 0.0), told=("is lost",))
@asynccontextmanager
async def recorder_killed(place: Place) -> AsyncIterator[None]:
    newest = max(place.children("portaudio_capture"), key=lambda child: child.create_time())
    newest.kill()  # the other microphone's has never been begun anew
    yield


# --- the radio; what had arrived is played to its end, so faults last longer ---

LONG = (11.0, 13.0)
LOST = ("is lost", "cannot open")


@fault("radio stalls", zones=("radio",), lasts=LONG, remote=True, told=LOST)
@asynccontextmanager
async def radio_stalls(place: Place) -> AsyncIterator[None]:
    place.radio.hang()
    yield
    place.radio.resume()


@fault("radio ends its stream", zones=("radio",), lasts=LONG, remote=True, told=LOST)
@asynccontextmanager
async def radio_ends(place: Place) -> AsyncIterator[None]:
    await asyncio.to_thread(place.source.stop)
    yield
    await asyncio.to_thread(place.broadcast)


@fault("radio server killed", zones=("radio",), lasts=LONG, remote=True, told=LOST)
@asynccontextmanager
async def radio_killed(place: Place) -> AsyncIterator[None]:
    place.radio.stop()
    await asyncio.to_thread(place.source.stop)
    yield
    await asyncio.to_thread(place.begin_radio)


def _misleading(name: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
    """Add a fault: the stream ends, and who asks for it again is answered so."""

    @fault(name, zones=("radio",), lasts=LONG, remote=True, told=LOST)
    @asynccontextmanager
    async def misleading(place: Place) -> AsyncIterator[None]:
        place.front.answers["/live"] = answer
        await asyncio.to_thread(place.source.stop)
        yield
        await asyncio.to_thread(place.broadcast)
        place.front.answers["/live"] = place.lead_to_the_radio


def _circle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def _local_file(handler: BaseHTTPRequestHandler) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n"
    send(handler, "application/vnd.apple.mpegurl", playlist)


def _giant_head(handler: BaseHTTPRequestHandler) -> None:
    send(handler, "audio/mpeg", **{f"X_{n}": "x" * 60000 for n in range(90)})


def _rubbish(handler: BaseHTTPRequestHandler) -> None:
    send(handler, "audio/mpeg", bytes(range(256)) * 4000)


def _unavailable(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(503)


_misleading("radio redirects in a circle", _circle)
_misleading("radio names a local file", _local_file)
_misleading("radio sends giant headers", _giant_head)
_misleading("radio sends rubbish", _rubbish)
_misleading("radio unavailable (503)", _unavailable)


# --- the decoders: the radio's holds a connection, the file's does not ---


@fault("radio's decoder killed", zones=("radio",), lasts=(5.0, 6.0), remote=True, told=LOST)
@asynccontextmanager
async def radio_decoder_killed(place: Place) -> AsyncIterator[None]:
    for decoder in place.decoders(online=True):
        decoder.kill()
    yield  # what had arrived is played meanwhile


@fault("file's decoder killed", zones=("file",), lasts=(0.0, 0.0), told=("the decoder",))
@asynccontextmanager
async def file_decoder_killed(place: Place) -> AsyncIterator[None]:
    for decoder in place.decoders(online=False):
        decoder.kill()
    yield


@fault("file's decoder hangs", zones=("file",), lasts=(17.0, 18.0), told=("the decoder",))
@asynccontextmanager
async def file_decoder_hangs(place: Place) -> AsyncIterator[None]:
    stopped = place.decoders(online=False)
    for decoder in stopped:
        decoder.suspend()
    yield
    for decoder in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            decoder.resume()


# --- the broker ---

BROKER = ("MQTT broker at",)


@fault("broker killed", told=BROKER)
@asynccontextmanager
async def broker_killed(place: Place) -> AsyncIterator[None]:
    place.broker.kill()
    yield
    await asyncio.to_thread(place.broker.start)


@fault("broker hangs", lasts=(3.0, 9.0), told=BROKER)
@asynccontextmanager
async def broker_hangs(place: Place) -> AsyncIterator[None]:
    place.broker.hang()
    yield
    place.broker.resume()


@fault("broker refuses connections", told=BROKER)
@asynccontextmanager
async def broker_refuses(place: Place) -> AsyncIterator[None]:
    await place.proxy.refuse()
    yield
    await place.proxy.start()


@fault("broker refuses the password", told=BROKER)
@asynccontextmanager
async def broker_forbids(place: Place) -> AsyncIterator[None]:
    passwords = place.folder / "broker" / "passwords"
    before = passwords.read_bytes()
    command = ("mosquitto_passwd", "-b", str(passwords), USER, "another")
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    place.broker.reload()
    await asyncio.sleep(0.1)
    await place.proxy.cut()
    yield
    passwords.write_bytes(before)
    place.broker.reload()


@fault("connection to the broker cut", lasts=(0.0, 0.0))
@asynccontextmanager
async def connection_cut(place: Place) -> AsyncIterator[None]:
    await place.proxy.cut()
    yield


@fault("network to the broker holds", lasts=(3.0, 9.0), told=BROKER)
@asynccontextmanager
async def network_holds(place: Place) -> AsyncIterator[None]:
    place.proxy.bytes_per_second = 0
    yield
    place.proxy.bytes_per_second = None


@fault("network to the broker is slow", lasts=(5.0, 8.0))
@asynccontextmanager
async def network_slow(place: Place) -> AsyncIterator[None]:
    place.proxy.bytes_per_second = 3000  # about a quarter of what is said
    yield
    place.proxy.bytes_per_second = None


@fault("somebody says that we are offline", lasts=(0.0, 0.0), told=("online",))
@asynccontextmanager
async def called_offline(place: Place) -> AsyncIterator[None]:
    await _publish(place, "status", b"offline", retain=True)
    yield


@fault("hostile commands", lasts=(1.0, 2.0), told=("ignored a command: more than",))
@asynccontextmanager
async def hostile_commands(place: Place) -> AsyncIterator[None]:
    payloads = [b"", b"\xff" * 5000, b"{" * 900, b"nan", b"1e999", b'{"value":{}}', b"\x00" * 10]
    names = ["rate", "freeze", "smoothing", "reload", "../cmd", "x" * 200, "calibrate"]
    for n in range(500):
        topic = f"mic/cmd/{names[n % len(names)]}"
        await _publish(place, topic, payloads[n % len(payloads)] if n % 7 != 3 else b"\xff")
    yield


async def _publish(place: Place, topic: str, payload: bytes, *, retain: bool = False) -> None:
    with contextlib.suppress(aiomqtt.MqttError):
        async with aiomqtt.Client(
            "127.0.0.1", place.broker.port, username=USER, password=SECRET
        ) as client:
            await client.publish(f"streamer/{NODE}/{topic}", payload, retain=retain)


# --- the engine and the machine ---


def _engine(name: str, demand: str, lasts: tuple[float, float], *told: str) -> None:
    @fault(name, lasts=lasts, told=told)
    @asynccontextmanager
    async def broken(place: Place) -> AsyncIterator[None]:
        place.engine.write_text(demand)
        yield
        place.engine.write_text("")


_engine("engine raises", "raise", (2.0, 4.0), "no estimate")
_engine("engine answers NaN", "nan", (2.0, 4.0), "no estimate")
_engine("engine hangs", "hang", (6.0, 9.0), "no estimate", "too slow")
_engine("engine 20 times slower", "slow 20", (4.0, 8.0), "too slow")
_engine("engine 200 times slower", "slow 200", (4.0, 8.0), "too slow")


@fault("machine overloaded", lasts=(5.0, 8.0), told=("too slow", "stalled"))
@asynccontextmanager
async def overloaded(place: Place) -> AsyncIterator[None]:
    spin = (sys.executable, "-c", "while True: pass")
    busy = [await asyncio.create_subprocess_exec(*spin) for _ in range(6)]
    yield
    for process in busy:
        process.kill()
        await process.wait()


@fault("program stopped", lasts=(3.0, 6.0))
@asynccontextmanager
async def stopped(place: Place) -> AsyncIterator[None]:
    place.process.send_signal(signal.SIGSTOP)
    yield
    place.process.send_signal(signal.SIGCONT)


@fault("configuration broken and read", lasts=(1.0, 2.0), told=("the configuration stays",))
@asynccontextmanager
async def configuration_broken(place: Place) -> AsyncIterator[None]:
    whole = place.config.read_text()
    place.config.write_text(whole[: len(whole) // 2] + "[[[")
    place.process.send_signal(signal.SIGHUP)
    yield
    place.config.write_text(whole)
    place.process.send_signal(signal.SIGHUP)


@fault("disk full", lasts=(3.0, 5.0), told=("recording", "disk"))
@asynccontextmanager
async def disk_full(place: Place) -> AsyncIterator[None]:
    filler = place.disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    yield
    filler.unlink()
