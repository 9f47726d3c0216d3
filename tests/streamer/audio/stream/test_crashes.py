"""A stream whose decoder dies: an error, nothing left behind, and a second try works."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from streamer import limits
from streamer.audio import Source, open_source
from streamer.audio.stream import StreamInput
from streamer.config.models import Tracking, Zone
from streamer.engines import Engine
from streamer.errors import AudioError, UsageError
from streamer.tracking import Update
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker
from tests.support.icecast import Answer, WebServer, paced, send

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

Serve = Callable[[dict[str, Answer]], WebServer]


def children() -> set[int]:
    """Every process of ours, the dead ones too."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


@pytest.fixture
def decoder() -> Callable[[], int]:
    """Give the number of the process that was started since."""
    before = children()

    def find() -> int:
        (child,) = children() - before
        return child

    return find


@pytest.fixture
def url(serve: Serve, mp3: bytes) -> str:
    """A radio that goes on and on."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg")
        for piece in paced(mp3 * 5, 16000, burst=1):
            handler.wfile.write(piece)

    return serve({"/live": play}).url.replace("//", "//me:canary@") + "/live?key=canary"


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith(("decoder", "receive ", "capture ")) for name in names)


@contextlib.asynccontextmanager
async def heard(url: str) -> AsyncIterator[tuple[Source, asyncio.Task[None]]]:
    """A stream that is heard, by a task that ends with it."""

    async def drain(source: Source) -> None:
        async for _ in source.blocks():
            pass

    async with open_source(Zone(input=url)) as source:
        task = asyncio.create_task(drain(source))
        await asyncio.sleep(0.3)
        yield source, task
        task.cancel()
        await asyncio.wait({task})


async def test_a_crash_is_an_error_and_the_stream_can_be_opened_again(
    url: str, decoder: Callable[[], int], nothing_left: None
) -> None:
    async with heard(url) as (source, task):
        os.kill(decoder(), signal.SIGSEGV)
        with pytest.raises(AudioError, match=r"/live is lost: its decoder ended \(SIGSEGV\); "):
            await asyncio.wait_for(task, 5)
    async with heard(url) as (source, task):
        assert not task.done()
        assert source.gaps == 0


async def test_a_decoder_that_hangs_is_ended(
    url: str, decoder: Callable[[], int], monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 1.0)
    async with heard(url) as (_, task):
        os.kill(decoder(), signal.SIGSTOP)
        with pytest.raises(AudioError, match=r"/live is lost: its decoder hangs; "):
            await asyncio.wait_for(task, 8)


async def test_one_that_hangs_is_left_at_once(
    url: str, decoder: Callable[[], int], nothing_left: None
) -> None:
    loop = asyncio.get_running_loop()
    async with open_source(Zone(input=url)) as source:
        await anext(aiter(source.blocks()))
        os.kill(decoder(), signal.SIGSTOP)
        begun = loop.time()
    assert loop.time() - begun < 0.5


async def test_its_secrets_are_on_no_command_line(url: str, decoder: Callable[[], int]) -> None:
    async with open_source(Zone(input=url)):
        place = Path(f"/proc/{decoder()}")
        for name in ("cmdline", "environ"):
            assert b"canary" not in (place / name).read_bytes()


async def test_a_zone_opens_a_stream_anew_by_itself(
    url: str, decoder: Callable[[], int], engine: Engine, nothing_left: None
) -> None:
    updates: list[Update] = []
    zone = Zone(input=url)

    async def until(count: int) -> None:
        async with asyncio.timeout(15):
            while len(updates) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with BatchingInference(engine) as inference:
        tracker = ZoneTracker(zone, Tracking(), inference, lambda _, u: updates.append(u))
        task = asyncio.create_task(tracker.run())
        try:
            await until(5)
            os.kill(decoder(), signal.SIGABRT)
            await until(len(updates) + 30)
            assert tracker.status.restarts == 1
        finally:
            task.cancel()
            await asyncio.wait({task})
            await tracker.close()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGSEGV, r"it ended its decoder \(SIGSEGV\); give the address of another"),
        (signal.SIGSTOP, "it does not answer; check that the server runs"),
    ],
)
def test_one_that_dies_while_it_opens_is_told(
    decoder: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    nothing_left: None,
    number: signal.Signals,
    words: str,
) -> None:
    """A server that takes the call and says nothing."""
    monkeypatch.setattr(limits, "STREAM_OPEN_TIMEOUT_S", 6.0)
    told = threading.Event()

    def kill() -> None:
        with server.accept()[0]:
            os.kill(decoder(), number)
            told.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(AudioError, match=f"cannot open http://127.*/x: {words}"):
            StreamInput(f"http://127.0.0.1:{server.getsockname()[1]}/x", ())
        told.set()
        thread.join()


def test_a_url_that_cannot_be_meant_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UsageError, match="gopher streams are not supported"):
        StreamInput("gopher://x/y", ())


def test_a_stream_that_nobody_plays_leaves_nothing_behind(url: str, nothing_left: None) -> None:
    feed = StreamInput(url, ())
    feed.close()
    feed.close()
