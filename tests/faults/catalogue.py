"""Catalogue of faults, each a context: injected on entry, repaired on exit."""

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
from tests.faults.testbed import SECRET, USER, Testbed
from tests.support.icecast import send

Work = TypeVar("Work", bound=Callable[[Testbed], AbstractAsyncContextManager[None]])
ALL = ("mic", "steady", "radio", "file")


@dataclass(frozen=True)
class Fault:
    """A fault that can be injected.

    Attributes
    ----------
    name
        Displayed name.
    make
        Opens the context that injects and repairs it.
    zones
        Zones whose estimates it may disturb.
    duration
        Shortest and longest duration, s.
    silent
        Whether the zones get no audio meanwhile, so that any estimate of it is false.
    remote
        Whether recovery follows the slower back-off of remote servers.
    messages
        Text of the log or health message that detects it; empty if none is required.
    """

    name: str
    make: Callable[[Testbed], AbstractAsyncContextManager[None]]
    zones: tuple[str, ...] = ALL
    duration: tuple[float, float] = (2.0, 4.0)
    silent: bool = False
    remote: bool = False
    messages: tuple[str, ...] = ()


CATALOGUE: list[Fault] = []


def fault(name: str, **how: object) -> Callable[[Work], Work]:
    def add(make: Work) -> Work:
        CATALOGUE.append(Fault(name, make, **how))  # type: ignore[arg-type]
        return make

    return add


# --- the microphone ---


@fault(
    "microphone unplugged", zones=("mic",), silent=True, messages=("is lost", "nothing but zeros")
)
@asynccontextmanager
async def unplugged(testbed: Testbed) -> AsyncIterator[None]:
    await asyncio.to_thread(testbed.card.unplug, testbed.module)
    yield
    await asyncio.to_thread(testbed.plug_in)


@fault("sound server ended", zones=("mic",), silent=True, messages=("is lost",))
@asynccontextmanager
async def sound_server_ended(testbed: Testbed) -> AsyncIterator[None]:
    await asyncio.to_thread(testbed.card.stop)
    yield
    await asyncio.to_thread(testbed.card.start)
    await asyncio.to_thread(testbed.plug_in)


@fault("sound server hangs", zones=("mic",), silent=True, messages=("is lost",))
@asynccontextmanager
async def sound_server_hangs(testbed: Testbed) -> AsyncIterator[None]:
    testbed.card.hang()
    yield
    testbed.card.resume()


@fault(
    "microphone gives zeros", zones=("mic",), duration=(7.0, 9.0), messages=("zeros", "-60 dBFS")
)
@asynccontextmanager
async def zeros(testbed: Testbed) -> AsyncIterator[None]:
    testbed.muted = True
    yield
    testbed.muted = False


@fault("recorder killed", zones=("mic",), duration=(0.0, 0.0), messages=("is lost",))
@asynccontextmanager
async def recorder_killed(testbed: Testbed) -> AsyncIterator[None]:
    newest = max(testbed.children("portaudio_capture"), key=lambda child: child.create_time())
    newest.kill()  # the other microphone's was never restarted
    yield


# --- the radio; its buffer is played to the end, so faults last longer ---

LONG = (11.0, 13.0)
LOST = ("is lost", "cannot open")


@fault("radio stalls", zones=("radio",), duration=LONG, remote=True, messages=LOST)
@asynccontextmanager
async def radio_stalls(testbed: Testbed) -> AsyncIterator[None]:
    testbed.radio.hang()
    yield
    testbed.radio.resume()


@fault("radio ends its stream", zones=("radio",), duration=LONG, remote=True, messages=LOST)
@asynccontextmanager
async def radio_ends(testbed: Testbed) -> AsyncIterator[None]:
    await asyncio.to_thread(testbed.source.stop)
    yield
    await asyncio.to_thread(testbed.broadcast)


@fault("radio server killed", zones=("radio",), duration=LONG, remote=True, messages=LOST)
@asynccontextmanager
async def radio_killed(testbed: Testbed) -> AsyncIterator[None]:
    testbed.radio.stop()
    await asyncio.to_thread(testbed.source.stop)
    yield
    await asyncio.to_thread(testbed.start_radio)


def _misleading(name: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
    """Add a fault: the stream ends, and reconnects get this response."""

    @fault(name, zones=("radio",), duration=LONG, remote=True, messages=LOST)
    @asynccontextmanager
    async def misleading(testbed: Testbed) -> AsyncIterator[None]:
        testbed.redirector.answers["/live"] = answer
        await asyncio.to_thread(testbed.source.stop)
        yield
        await asyncio.to_thread(testbed.broadcast)
        testbed.redirector.answers["/live"] = testbed.redirect_to_radio


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


@fault("radio's decoder killed", zones=("radio",), duration=(5.0, 6.0), remote=True, messages=LOST)
@asynccontextmanager
async def radio_decoder_killed(testbed: Testbed) -> AsyncIterator[None]:
    for decoder in testbed.decoders(online=True):
        decoder.kill()
    yield  # the buffer is played meanwhile


@fault("file's decoder killed", zones=("file",), duration=(0.0, 0.0), messages=("the decoder",))
@asynccontextmanager
async def file_decoder_killed(testbed: Testbed) -> AsyncIterator[None]:
    for decoder in testbed.decoders(online=False):
        decoder.kill()
    yield


@fault("file's decoder hangs", zones=("file",), duration=(17.0, 18.0), messages=("the decoder",))
@asynccontextmanager
async def file_decoder_hangs(testbed: Testbed) -> AsyncIterator[None]:
    stopped = testbed.decoders(online=False)
    for decoder in stopped:
        decoder.suspend()
    yield
    for decoder in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            decoder.resume()


# --- the broker ---

BROKER = ("MQTT broker at",)


@fault("broker killed", messages=BROKER)
@asynccontextmanager
async def broker_killed(testbed: Testbed) -> AsyncIterator[None]:
    testbed.broker.kill()
    yield
    await asyncio.to_thread(testbed.broker.start)


@fault("broker hangs", duration=(3.0, 9.0), messages=BROKER)
@asynccontextmanager
async def broker_hangs(testbed: Testbed) -> AsyncIterator[None]:
    testbed.broker.hang()
    yield
    testbed.broker.resume()


@fault("broker refuses connections", messages=BROKER)
@asynccontextmanager
async def broker_refuses(testbed: Testbed) -> AsyncIterator[None]:
    await testbed.proxy.refuse()
    yield
    await testbed.proxy.start()


@fault("broker refuses the password", messages=BROKER)
@asynccontextmanager
async def broker_forbids(testbed: Testbed) -> AsyncIterator[None]:
    passwords = testbed.folder / "broker" / "passwords"
    before = passwords.read_bytes()
    command = ("mosquitto_passwd", "-b", str(passwords), USER, "another")
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    testbed.broker.reload()
    await asyncio.sleep(0.1)
    await testbed.proxy.cut()
    yield
    passwords.write_bytes(before)
    testbed.broker.reload()


@fault("connection to the broker cut", duration=(0.0, 0.0))
@asynccontextmanager
async def connection_cut(testbed: Testbed) -> AsyncIterator[None]:
    await testbed.proxy.cut()
    yield


@fault("network to the broker holds", duration=(3.0, 9.0), messages=BROKER)
@asynccontextmanager
async def network_holds(testbed: Testbed) -> AsyncIterator[None]:
    testbed.proxy.bytes_per_second = 0
    yield
    testbed.proxy.bytes_per_second = None


@fault("network to the broker is slow", duration=(5.0, 8.0))
@asynccontextmanager
async def network_slow(testbed: Testbed) -> AsyncIterator[None]:
    testbed.proxy.bytes_per_second = 3000  # about a quarter of the traffic
    yield
    testbed.proxy.bytes_per_second = None


@fault("somebody says that we are offline", duration=(0.0, 0.0), messages=("online",))
@asynccontextmanager
async def called_offline(testbed: Testbed) -> AsyncIterator[None]:
    await _publish(testbed, "status", b"offline", retain=True)
    yield


@fault("hostile commands", duration=(1.0, 2.0), messages=("ignored a command: more than",))
@asynccontextmanager
async def hostile_commands(testbed: Testbed) -> AsyncIterator[None]:
    payloads = [b"", b"\xff" * 5000, b"{" * 900, b"nan", b"1e999", b'{"value":{}}', b"\x00" * 10]
    names = ["rate", "freeze", "smoothing", "reload", "../cmd", "x" * 200, "calibrate"]
    for n in range(500):
        topic = f"mic/cmd/{names[n % len(names)]}"
        await _publish(testbed, topic, payloads[n % len(payloads)] if n % 7 != 3 else b"\xff")
    yield


async def _publish(testbed: Testbed, topic: str, payload: bytes, *, retain: bool = False) -> None:
    with contextlib.suppress(aiomqtt.MqttError):
        async with aiomqtt.Client(
            "127.0.0.1", testbed.broker.port, username=USER, password=SECRET
        ) as client:
            await client.publish(f"streamer/{NODE}/{topic}", payload, retain=retain)


# --- the engine and the machine ---


def _engine(name: str, demand: str, duration: tuple[float, float], *messages: str) -> None:
    @fault(name, duration=duration, messages=messages)
    @asynccontextmanager
    async def broken(testbed: Testbed) -> AsyncIterator[None]:
        testbed.engine.write_text(demand)
        yield
        testbed.engine.write_text("")


_engine("engine raises", "raise", (2.0, 4.0), "no estimate")
_engine("engine answers NaN", "nan", (2.0, 4.0), "no estimate")
_engine("engine hangs", "hang", (6.0, 9.0), "no estimate", "too slow")
_engine("engine 20 times slower", "slow 20", (4.0, 8.0), "too slow")
_engine("engine 200 times slower", "slow 200", (4.0, 8.0), "too slow")


@fault("machine overloaded", duration=(5.0, 8.0), messages=("too slow", "stalled"))
@asynccontextmanager
async def overloaded(testbed: Testbed) -> AsyncIterator[None]:
    spin = (sys.executable, "-c", "while True: pass")
    busy = [await asyncio.create_subprocess_exec(*spin) for _ in range(6)]
    yield
    for process in busy:
        process.kill()
        await process.wait()


@fault("program stopped", duration=(3.0, 6.0))
@asynccontextmanager
async def stopped(testbed: Testbed) -> AsyncIterator[None]:
    testbed.process.send_signal(signal.SIGSTOP)
    yield
    testbed.process.send_signal(signal.SIGCONT)


@fault(
    "configuration broken and read", duration=(1.0, 2.0), messages=("configuration not reloaded",)
)
@asynccontextmanager
async def configuration_broken(testbed: Testbed) -> AsyncIterator[None]:
    whole = testbed.config.read_text()
    testbed.config.write_text(whole[: len(whole) // 2] + "[[[")
    testbed.process.send_signal(signal.SIGHUP)
    yield
    testbed.config.write_text(whole)
    testbed.process.send_signal(signal.SIGHUP)


@fault("disk full", duration=(3.0, 5.0), messages=("recording", "disk"))
@asynccontextmanager
async def disk_full(testbed: Testbed) -> AsyncIterator[None]:
    filler = testbed.disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    yield
    filler.unlink()
