"""Live streams that end, stall or become undecodable, and reconnecting to them."""

import asyncio
import contextlib
import io
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler

import av
import numpy as np
import pytest

from streamer import limits
from streamer.audio import Source, open_source
from streamer.config.models import Tracking, Zone
from streamer.decoder.decode import decode_stream
from streamer.engines import Engine
from streamer.errors import AudioError
from streamer.tracking import Update
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker
from tests.support.icecast import Answer, Icecast, SourceClient, WebServer, paced, send
from tests.support.ports import free_port

pytestmark = pytest.mark.peer

RATE = 44100
SECONDS = 4
Music = Callable[..., np.ndarray]


async def read(source: Source, seconds: float) -> None:
    """Read this many seconds of audio, or to the end."""
    async with contextlib.aclosing(source.blocks()) as blocks:
        async for block in blocks:
            if block.end_sample >= seconds * source.rate:
                return


@pytest.fixture
async def tracked_stream(
    icecast: Icecast, mp3: bytes, engine: Engine
) -> AsyncIterator[tuple[ZoneTracker, list[Update]]]:
    """Track an Icecast stream; yield the tracker and its updates."""
    updates: list[Update] = []
    zone = Zone(input=icecast.url())
    with BatchingInference(engine) as inference, SourceClient(icecast, mp3, SECONDS, ahead=1):
        await asyncio.sleep(0.3)
        tracker = ZoneTracker(zone, Tracking(), inference, lambda _, u: updates.append(u))
        task = asyncio.create_task(tracker.run())
        async with asyncio.timeout(20):
            while len(updates) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield tracker, updates
        task.cancel()
        await asyncio.wait({task})


async def wait_until(condition: Callable[[], object], seconds: float) -> float:
    """Return the seconds until the condition is true."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - started


async def test_a_stopped_server_is_reported_and_reconnected_to(
    icecast: Icecast, mp3: bytes, tracked_stream: tuple[ZoneTracker, list[Update]]
) -> None:
    tracker, updates = tracked_stream
    icecast.stop()
    await wait_until(lambda: tracker.status.last_error, 8)
    assert (
        "nothing listens there" in tracker.status.last_error
        or "is lost" in tracker.status.last_error
    )
    count = len(updates)
    await asyncio.sleep(1)
    assert len(updates) == count  # no update without audio
    icecast.start()
    with SourceClient(icecast, mp3, SECONDS, ahead=1):
        assert await wait_until(lambda: not tracker.status.last_error, 10) < 3 + 2
        await wait_until(lambda: len(updates) > count + 5, 5)
    assert (tracker.status.restarts, tracker.status.gaps) == (1, 1)
    times = [update.time for update in updates]
    assert times == sorted(times)
    assert all(update.captured < time.monotonic() for update in updates)


async def test_a_hung_server_is_reported_and_reconnected_to(
    icecast: Icecast, tracked_stream: tuple[ZoneTracker, list[Update]]
) -> None:
    tracker, updates = tracked_stream
    icecast.hang()
    stopped = time.monotonic()
    await wait_until(lambda: tracker.status.last_error, 12)
    count = len(updates)
    last = max(update.captured for update in updates)
    assert last - stopped < 5  # buffered audio was played to its end
    await asyncio.sleep(0.5)
    icecast.resume()
    await wait_until(lambda: len(updates) > count, 15)
    assert tracker.status.restarts == 1


async def test_a_clean_end_is_an_error_after_all_audio_has_played(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    server = serve({"/short": lambda handler: send(handler, "audio/mpeg", mp3[: len(mp3) // 4])})
    started = time.monotonic()
    async with open_source(Zone(input=f"{server.url}/short")) as source:
        with pytest.raises(AudioError, match="is lost: the server ended it; check the server"):
            await read(source, 10)
    assert time.monotonic() - started > 0.9 * SECONDS / 4


async def test_closing_a_stalled_stream_returns_at_once(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", *paced(mp3[: len(mp3) // 4], 16000, burst=5))
        handler.connection.settimeout(10)
        handler.rfile.read(1)

    server = serve({"/stall": stall})
    async with open_source(Zone(input=f"{server.url}/stall")) as source:
        await read(source, 0.5)
        started = time.monotonic()
    assert time.monotonic() - started < 0.5


async def test_a_server_that_stops_sending_is_an_error_after_two_seconds(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", mp3[: len(mp3) // 4])
        handler.connection.settimeout(10)
        handler.rfile.read(1)

    server = serve({"/stall": stall})
    started = time.monotonic()
    async with open_source(Zone(input=f"{server.url}/stall")) as source:
        with pytest.raises(AudioError, match="is lost: no audio for 2 s"):
            await read(source, 10)
    assert 1.9 < time.monotonic() - started < 3.5


@pytest.mark.parametrize(
    ("initial_seconds", "seconds"), [(0, 5), pytest.param(SECONDS // 4, 10, marks=pytest.mark.long)]
)
async def test_a_server_that_sends_byte_by_byte_is_an_error(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, initial_seconds: int, seconds: int
) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        first = initial_seconds * len(mp3) // SECONDS
        send(handler, "audio/mpeg", mp3[:first])
        for at in range(first, len(mp3)):
            handler.wfile.write(mp3[at : at + 1])
            time.sleep(0.2)

    server = serve({"/trickle": trickle})
    started = time.monotonic()
    with pytest.raises(AudioError, match=f"no audio for {seconds} s"):
        async with open_source(Zone(input=f"{server.url}/trickle")) as source:
            await read(source, 20)
    assert time.monotonic() - started < seconds + 2


def test_a_stream_that_becomes_undecodable_is_an_error_after_any_playing_time(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIO_TIMEOUT_S", 1.0)
    monkeypatch.setattr(
        limits, "MAX_DAMAGED_PACKETS", 100_000
    )  # as after an hour of intact packets
    headers_only = b"".join(mp3[at : at + 4] + b"\xaa" * 413 for at in [0] * 400)

    def corrupt(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", mp3[: len(mp3) // 4])
        for piece in paced(headers_only, 16000):
            handler.wfile.write(piece)

    server = serve({"/corrupt": corrupt})
    with pytest.raises(AudioError, match=r"is lost: .*no audio"):
        decode_stream(f"{server.url}/corrupt", io.BytesIO())


def _send_video(address: str, stop: threading.Event) -> None:
    """Send video until stopped, and audio for the first two seconds."""
    with av.open(address, "w", format="mpegts") as container:
        video = container.add_stream("mpeg2video", rate=25, width=64, height=48)
        audio = container.add_stream("mp2", rate=RATE, layout="stereo")
        samples = np.zeros((1, 2 * 1152), np.int16)
        sent = 0
        for number in itertools.count():
            if stop.wait(0.04):
                return
            image = av.VideoFrame(64, 48, "yuv420p")
            image.pts = number
            container.mux(video.encode(image))
            while sent < min((number + 1) * 0.04, 2.0) * RATE:
                frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
                frame.sample_rate, frame.pts = RATE, sent
                container.mux(audio.encode(frame))
                sent += 1152


async def test_audio_that_ends_while_video_continues_is_an_error() -> None:
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    stop = threading.Event()
    thread = threading.Thread(target=_send_video, args=(f"{url}?pkt_size=1316", stop))
    thread.start()
    try:
        with pytest.raises(AudioError, match="is lost: no audio for 2 s"):
            async with open_source(Zone(input=url)) as source, asyncio.timeout(12):
                await read(source, 20)
    finally:
        stop.set()
        thread.join()


async def test_response_headers_sent_byte_by_byte_time_out(
    serve: Callable[[dict[str, Answer]], WebServer],
) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.0 200 OK\r\nX-Name: " + 100 * b"x":
            handler.wfile.write(bytes([byte]))
            time.sleep(0.2)

    server = serve({"/trickle": trickle})
    with pytest.raises(AudioError, match="it does not answer; check that the server runs"):
        async with open_source(Zone(input=f"{server.url}/trickle")):
            pass
