"""Streams whose decoder process crashes or hangs: one error, no leaks, and they reopen."""

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
from tests.streamer.audio.conftest import child_processes
from tests.support.icecast import Answer, WebServer, paced, send

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

Serve = Callable[[dict[str, Answer]], WebServer]


@pytest.fixture
def decoder() -> Callable[[], int]:
    """Return a function that returns the id of the child process started by the test."""
    before = child_processes()

    def find() -> int:
        (child,) = child_processes() - before
        return child

    return find


@pytest.fixture
def url(serve: Serve, mp3: bytes) -> str:
    """Serve an MP3 stream in real time; return its URL with a password and a token."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg")
        for piece in paced(mp3 * 5, 16000, burst=1):
            handler.wfile.write(piece)

    return serve({"/live": play}).url.replace("//", "//me:canary@") + "/live?key=canary"


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail if the test leaves a child process or a thread of an input."""
    before = child_processes()
    yield
    assert child_processes() == before
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith(("decoder", "receive ", "capture ")) for name in names)


@contextlib.asynccontextmanager
async def reading(url: str) -> AsyncIterator[tuple[Source, asyncio.Task[None]]]:
    """Open a stream and read it in a task until the context ends."""

    async def drain(source: Source) -> None:
        async for _ in source.blocks():
            pass

    async with open_source(Zone(input=url)) as source:
        task = asyncio.create_task(drain(source))
        await asyncio.sleep(0.3)
        yield source, task
        task.cancel()
        await asyncio.wait({task})


async def test_a_crash_is_an_error_and_the_stream_can_be_reopened(
    url: str, decoder: Callable[[], int], no_leaks: None
) -> None:
    async with reading(url) as (source, task):
        os.kill(decoder(), signal.SIGSEGV)
        with pytest.raises(AudioError, match=r"/live is lost: its decoder ended \(SIGSEGV\); "):
            await asyncio.wait_for(task, 5)
    async with reading(url) as (source, task):
        assert not task.done()
        assert source.gaps == 0


async def test_a_hanging_decoder_is_killed(
    url: str, decoder: Callable[[], int], monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 1.0)
    async with reading(url) as (_, task):
        os.kill(decoder(), signal.SIGSTOP)
        with pytest.raises(AudioError, match=r"/live is lost: its decoder hangs; "):
            await asyncio.wait_for(task, 8)


async def test_a_stream_with_a_hanging_decoder_closes_at_once(
    url: str, decoder: Callable[[], int], no_leaks: None
) -> None:
    loop = asyncio.get_running_loop()
    async with open_source(Zone(input=url)) as source:
        await anext(aiter(source.blocks()))
        os.kill(decoder(), signal.SIGSTOP)
        started = loop.time()
    assert loop.time() - started < 0.5


async def test_url_secrets_are_on_no_command_line_and_in_no_environment(
    url: str, decoder: Callable[[], int]
) -> None:
    async with open_source(Zone(input=url)):
        proc = Path(f"/proc/{decoder()}")
        for name in ("cmdline", "environ"):
            assert b"canary" not in (proc / name).read_bytes()


async def test_a_zone_reopens_its_stream_after_a_crash(
    url: str, decoder: Callable[[], int], engine: Engine, no_leaks: None
) -> None:
    updates: list[Update] = []
    zone = Zone(input=url)

    async def wait_for_updates(count: int) -> None:
        async with asyncio.timeout(15):
            while len(updates) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with BatchingInference(engine) as inference:
        tracker = ZoneTracker(zone, Tracking(), inference, lambda _, u: updates.append(u))
        task = asyncio.create_task(tracker.run())
        try:
            await wait_for_updates(5)
            os.kill(decoder(), signal.SIGABRT)
            await wait_for_updates(len(updates) + 30)
            assert tracker.status.restarts == 1
        finally:
            task.cancel()
            await asyncio.wait({task})
            await tracker.close()


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (signal.SIGSEGV, r"it ended its decoder \(SIGSEGV\); give the address of another"),
        (signal.SIGSTOP, "it does not answer; check that the server runs"),
    ],
)
def test_a_decoder_that_crashes_or_hangs_while_opening_is_an_error(
    decoder: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    no_leaks: None,
    number: signal.Signals,
    cause: str,
) -> None:
    """The server accepts the connection and sends nothing."""
    monkeypatch.setattr(limits, "STREAM_OPEN_TIMEOUT_S", 6.0)
    error_raised = threading.Event()

    def kill() -> None:
        with server.accept()[0]:
            os.kill(decoder(), number)
            error_raised.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(AudioError, match=f"cannot open http://127.*/x: {cause}"):
            StreamInput(f"http://127.0.0.1:{server.getsockname()[1]}/x", ())
        error_raised.set()
        thread.join()


def test_an_invalid_url_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UsageError, match="gopher streams are not supported"):
        StreamInput("gopher://x/y", ())


def test_an_unread_stream_is_closed_without_leaks(url: str, no_leaks: None) -> None:
    stream = StreamInput(url, ())
    stream.close()
    stream.close()
