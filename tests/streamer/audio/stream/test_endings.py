"""How live streams end, stall and come back."""

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


async def hear(source: Source, seconds: float) -> None:
    """Hear so much, or to the end."""
    async with contextlib.aclosing(source.blocks()) as blocks:
        async for block in blocks:
            if block.end_sample >= seconds * source.rate:
                return


@pytest.fixture
async def tracked(
    icecast: Icecast, mp3: bytes, engine: Engine
) -> AsyncIterator[tuple[ZoneTracker, list[Update]]]:
    """A zone that hears the radio; and its updates."""
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


async def until(true: Callable[[], object], seconds: float) -> float:
    begin = time.monotonic()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - begin


async def test_a_server_that_goes_is_noticed_and_found_again(
    icecast: Icecast, mp3: bytes, tracked: tuple[ZoneTracker, list[Update]]
) -> None:
    tracker, updates = tracked
    icecast.stop()
    await until(lambda: tracker.status.last_error, 8)
    assert (
        "nothing listens there" in tracker.status.last_error
        or "is lost" in tracker.status.last_error
    )
    heard = len(updates)
    await asyncio.sleep(1)
    assert len(updates) == heard  # nothing is made up
    icecast.start()
    with SourceClient(icecast, mp3, SECONDS, ahead=1):
        assert await until(lambda: not tracker.status.last_error, 10) < 3 + 2
        await until(lambda: len(updates) > heard + 5, 5)
    assert (tracker.status.restarts, tracker.status.gaps) == (1, 1)
    times = [update.time for update in updates]
    assert times == sorted(times)
    assert all(update.captured < time.monotonic() for update in updates)


async def test_a_stall_is_noticed_and_the_stream_found_again(
    icecast: Icecast, tracked: tuple[ZoneTracker, list[Update]]
) -> None:
    tracker, updates = tracked
    icecast.hang()
    stopped = time.monotonic()
    await until(lambda: tracker.status.last_error, 12)
    heard = len(updates)
    last = max(update.captured for update in updates)
    assert last - stopped < 5  # what had arrived was played to its end
    await asyncio.sleep(0.5)
    icecast.resume()
    await until(lambda: len(updates) > heard, 15)
    assert tracker.status.restarts == 1


async def test_a_clean_end_is_told_once_all_is_played(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    server = serve({"/short": lambda handler: send(handler, "audio/mpeg", mp3[: len(mp3) // 4])})
    begin = time.monotonic()
    async with open_source(Zone(input=f"{server.url}/short")) as source:
        with pytest.raises(AudioError, match="is lost: the server ended it; check the server"):
            await hear(source, 10)
    assert time.monotonic() - begin > 0.9 * SECONDS / 4


async def test_it_ends_at_once_while_a_server_stalls(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", *paced(mp3[: len(mp3) // 4], 16000, burst=5))
        handler.connection.settimeout(10)
        handler.rfile.read(1)

    server = serve({"/stall": stall})
    async with open_source(Zone(input=f"{server.url}/stall")) as source:
        await hear(source, 0.5)
        begin = time.monotonic()
    assert time.monotonic() - begin < 0.5


async def test_silence_of_a_server_is_told_after_two_seconds(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", mp3[: len(mp3) // 4])
        handler.connection.settimeout(10)
        handler.rfile.read(1)

    server = serve({"/stall": stall})
    begin = time.monotonic()
    async with open_source(Zone(input=f"{server.url}/stall")) as source:
        with pytest.raises(AudioError, match="is lost: no audio for 2 s"):
            await hear(source, 10)
    assert 1.9 < time.monotonic() - begin < 3.5


@pytest.mark.parametrize(
    ("begin", "seconds"), [(0, 5), pytest.param(SECONDS // 4, 10, marks=pytest.mark.long)]
)
async def test_a_server_that_only_trickles_is_lost_too(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, begin: int, seconds: int
) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        first = begin * len(mp3) // SECONDS
        send(handler, "audio/mpeg", mp3[:first])
        for at in range(first, len(mp3)):
            handler.wfile.write(mp3[at : at + 1])
            time.sleep(0.2)

    server = serve({"/trickle": trickle})
    begun = time.monotonic()
    with pytest.raises(AudioError, match=f"no audio for {seconds} s"):
        async with open_source(Zone(input=f"{server.url}/trickle")) as source:
            await hear(source, 20)
    assert time.monotonic() - begun < seconds + 2


def test_what_cannot_be_decoded_any_more_is_lost_however_long_it_was_well(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIO_TIMEOUT_S", 1.0)
    monkeypatch.setattr(limits, "MAX_DAMAGED_PACKETS", 100_000)  # as after an hour
    headers_alone = b"".join(mp3[at : at + 4] + b"\xaa" * 413 for at in [0] * 400)

    def spoil(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", mp3[: len(mp3) // 4])
        for piece in paced(headers_alone, 16000):
            handler.wfile.write(piece)

    server = serve({"/spoilt": spoil})
    with pytest.raises(AudioError, match="is lost: .*no audio"):
        decode_stream(f"{server.url}/spoilt", io.BytesIO())


def _send_picture(address: str, stop: threading.Event) -> None:
    """Send a picture for ever, and sound for its first seconds."""
    with av.open(address, "w", format="mpegts") as container:
        video = container.add_stream("mpeg2video", rate=25, width=64, height=48)
        audio = container.add_stream("mp2", rate=RATE, layout="stereo")
        samples = np.zeros((1, 2 * 1152), np.int16)
        sent = 0
        for number in itertools.count():
            if stop.wait(0.04):
                return
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = number
            container.mux(video.encode(picture))
            while sent < min((number + 1) * 0.04, 2.0) * RATE:
                frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
                frame.sample_rate, frame.pts = RATE, sent
                container.mux(audio.encode(frame))
                sent += 1152


async def test_sound_that_ends_while_the_picture_goes_on_is_lost() -> None:
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    stop = threading.Event()
    thread = threading.Thread(target=_send_picture, args=(f"{url}?pkt_size=1316", stop))
    thread.start()
    try:
        with pytest.raises(AudioError, match="is lost: no audio for 2 s"):
            async with open_source(Zone(input=url)) as source, asyncio.timeout(12):
                await hear(source, 20)
    finally:
        stop.set()
        thread.join()


async def test_an_answer_whose_head_trickles_is_none(
    serve: Callable[[dict[str, Answer]], WebServer],
) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        for letter in b"HTTP/1.0 200 OK\r\nX-Name: " + 100 * b"x":
            handler.wfile.write(bytes([letter]))
            time.sleep(0.2)

    server = serve({"/trickle": trickle})
    with pytest.raises(AudioError, match="it does not answer; check that the server runs"):
        async with open_source(Zone(input=f"{server.url}/trickle")):
            pass
