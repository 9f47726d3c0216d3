"""Live streams as zones hear them: a real icecast, HLS, RTP and UDP."""

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.ports import free_port
from benchmarks.radio import Answer, Broadcast, Icecast, RtspServer, WebServer, encode, paced, send
from streamer.audio import Block, Source, open_source
from streamer.config.models import Tracking, Zone
from streamer.engines import Engine
from streamer.errors import AudioError
from streamer.tracking import Update
from streamer.tracking.inference import Inference
from streamer.tracking.zone import ZoneTracker

pytestmark = pytest.mark.peer

RATE = 44100
SECONDS = 4
Music = Callable[..., np.ndarray]


async def some(source: Source, seconds: float) -> list[Block]:
    """Give the blocks of the next `seconds` of sound."""
    blocks: list[Block] = []
    iterator = source.blocks()
    async for block in iterator:
        blocks.append(block)
        if block.end_sample - blocks[0].start_sample >= seconds * source.rate:
            break
    await iterator.aclose()
    return blocks


def joined(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks])


@pytest.fixture(scope="module")
def song(music: Music) -> np.ndarray:
    return music(SECONDS, RATE)


@pytest.fixture(scope="module")
def mp3(song: np.ndarray) -> bytes:
    return encode(song, RATE)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[dict[str, Answer]], WebServer]]:
    with contextlib.ExitStack() as servers:
        yield lambda answers: servers.enter_context(WebServer(answers))


@pytest.fixture
def icecast(tmp_path: Path) -> Iterator[Icecast]:
    server = Icecast(tmp_path)
    server.start()
    yield server
    server.resume()
    server.stop()


# What is heard


@pytest.mark.parametrize(("codec", "form"), [("flac", "flac"), ("pcm_s16le", "wav")])
async def test_every_sample_arrives(
    serve: Callable[[dict[str, Answer]], WebServer], song: np.ndarray, codec: str, form: str
) -> None:
    data = encode(song, RATE, codec=codec, form=form)
    server = serve({"/live": lambda handler: send(handler, f"audio/{form}", data)})
    async with open_source(Zone(input=f"{server.url}/live")) as source:
        blocks = await some(source, SECONDS)
        assert (source.gaps, source.overruns, source.drift_ppm) == (0, 0, 0)
    played = joined(blocks)
    assert len(played) == len(song)
    assert np.abs(played - song).max() <= 1.01 / 32768  # 16 bits on the way


async def test_hls_is_heard_and_a_playlist_reaches_no_local_file(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, tmp_path: Path
) -> None:
    secret = tmp_path / "private.mp3"
    secret.write_bytes(mp3)
    head = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"
    kind = "application/vnd.apple.mpegurl"

    def playlist(*places: str) -> Answer:
        entries = "".join(f"#EXTINF:{SECONDS}.0,\n{place}\n" for place in places)
        text = head + entries.encode() + b"#EXT-X-ENDLIST\n"
        return lambda handler: send(handler, kind, text)

    server = serve(
        {
            "/a.mp3": lambda handler: send(handler, "audio/mpeg", mp3),
            "/good.m3u8": playlist("a.mp3", "a.mp3"),
            "/file.m3u8": playlist(f"file://{secret}"),
            "/path.m3u8": playlist(str(secret)),
            "/concat.m3u8": playlist(f"concat:{secret}|{secret}"),
        }
    )
    async with open_source(Zone(input=f"{server.url}/good.m3u8")) as source:
        assert np.sqrt(np.mean(joined(await some(source, 2)) ** 2)) > 0.01
    for name in ("file", "path", "concat"):
        with pytest.raises(AudioError):
            async with open_source(Zone(input=f"{server.url}/{name}.m3u8")) as source:
                await some(source, 1)


async def test_rtsp_is_heard_and_its_end_told(music: Music, tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    file.write_bytes(encode(music(20, RATE), RATE))
    with RtspServer(file) as server:
        with pytest.raises(AudioError, match="there is no such stream"):
            async with open_source(Zone(input=f"{server.url}/other")):
                pass
        async with open_source(Zone(input=server.url)) as source:
            blocks = await some(source, 2)
            assert source.gaps == 0
            assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01
        async with open_source(Zone(input=server.url)) as source:
            server.stop()
            with pytest.raises(AudioError, match="/live is lost: "):
                await some(source, 10)
    with pytest.raises(AudioError, match="nothing listens there; start the server"):
        async with open_source(Zone(input=server.url)):
            pass


@contextlib.contextmanager
def sending(song: np.ndarray, address: str, form: str, **options: str) -> Iterator[None]:
    """Let FFmpeg send sound at its pace, as a server in the field would."""
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(song, address, form, options, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(
    song: np.ndarray, address: str, form: str, options: dict[str, str], stop: threading.Event
) -> None:
    with av.open(address, "w", format=form, options=options) as container:
        stream = container.add_stream("mp2", rate=RATE, layout="stereo")
        samples = (np.stack((song, song)) * 32767).astype(np.int16)
        begun, sent = time.monotonic(), 0
        while not stop.wait(max(begun + sent / RATE - time.monotonic(), 0)):
            at = sent % (len(song) - 1152)
            part = np.ascontiguousarray(samples[:, at : at + 1152].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, "s16", "stereo")
            frame.sample_rate, frame.pts = RATE, sent
            container.mux(stream.encode(frame))
            sent += 1152


@pytest.mark.parametrize(("scheme", "form"), [("udp", "mpegts"), ("rtp", "rtp_mpegts")])
async def test_datagrams_are_heard(song: np.ndarray, scheme: str, form: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with sending(song, f"{url}?pkt_size=1316", form):
        async with open_source(Zone(input=url)) as source:
            blocks = await some(source, 2)
            assert source.gaps == 0
        assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01


async def test_live_hls_is_heard_while_its_playlist_moves_on(
    song: np.ndarray, tmp_path: Path
) -> None:
    class Folder(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    playlist = tmp_path / "live.m3u8"
    form = {"hls_time": "0.5", "hls_list_size": "3", "hls_flags": "delete_segments"}
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Folder, directory=tmp_path)) as server,
        sending(song, str(playlist), "hls", **form),
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            await until(playlist.exists, 5)
            url = f"http://127.0.0.1:{server.server_port}/live.m3u8"
            async with open_source(Zone(input=url)) as source:
                blocks = await some(source, 4)
                assert source.gaps == 0
        finally:
            server.shutdown()
            thread.join()
    assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01
    assert not (tmp_path / "live0.ts").exists()


async def test_icecast_is_heard_at_the_pace_at_which_it_sounds_though_it_bursts(
    icecast: Icecast, mp3: bytes
) -> None:
    with Broadcast(icecast, mp3, SECONDS):
        await asyncio.sleep(0.5)
        async with open_source(Zone(input=icecast.url())) as source:
            assert (source.name, source.live) == ("Radio Loopback", True)
            begin = time.monotonic()
            waits: list[float] = []
            iterator = source.blocks()
            async for block in iterator:
                end = block.captured + len(block.samples) / source.rate
                waits.append(time.monotonic() - end)
                if block.end_sample >= 3 * source.rate:
                    break
            await iterator.aclose()
            assert time.monotonic() - begin == pytest.approx(3, abs=0.3)
            assert min(waits) > -0.005  # nothing is heard before its time
            assert np.median(waits) < 0.02
            assert (source.gaps, source.overruns) == (0, 0)


async def test_the_title_is_told(icecast: Icecast, mp3: bytes) -> None:
    with Broadcast(icecast, mp3, SECONDS, ahead=1):
        async with open_source(Zone(input=icecast.url())) as source:
            icecast.set_title("Niña / Blue\x07 Seas")
            async with contextlib.aclosing(source.blocks()) as blocks, asyncio.timeout(8):
                async for _ in blocks:
                    if source.title:
                        break
            assert source.title == "Niña / Blue Seas"


# How it ends


@pytest.fixture
async def tracked(
    icecast: Icecast, mp3: bytes, engine: Engine
) -> AsyncIterator[tuple[ZoneTracker, list[Update]]]:
    """A zone that hears the radio; and its updates."""
    updates: list[Update] = []
    zone = Zone(input=icecast.url())
    with ThreadPoolExecutor(1) as workers, Broadcast(icecast, mp3, SECONDS, ahead=1):
        await asyncio.sleep(0.3)
        tracker = ZoneTracker(
            zone, Tracking(), Inference(engine, workers), lambda _, u: updates.append(u)
        )
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
    await until(lambda: tracker.trouble, 8)
    assert "nothing listens there" in tracker.trouble or "is lost" in tracker.trouble
    heard = len(updates)
    await asyncio.sleep(1)
    assert len(updates) == heard  # nothing is made up
    icecast.start()
    with Broadcast(icecast, mp3, SECONDS, ahead=1):
        assert await until(lambda: not tracker.trouble, 10) < 3 + 2
        await until(lambda: len(updates) > heard + 5, 5)
    assert (tracker.restarts, tracker.gaps) == (1, 1)
    times = [update.time for update in updates]
    assert times == sorted(times)
    assert all(update.captured < time.monotonic() for update in updates)


async def test_a_stall_is_noticed_and_the_stream_found_again(
    icecast: Icecast, tracked: tuple[ZoneTracker, list[Update]]
) -> None:
    tracker, updates = tracked
    icecast.hang()
    stopped = time.monotonic()
    await until(lambda: tracker.trouble, 12)
    heard = len(updates)
    last = max(update.captured for update in updates)
    assert last - stopped < 5  # what had arrived was played to its end
    await asyncio.sleep(0.5)
    icecast.resume()
    await until(lambda: len(updates) > heard, 15)
    assert tracker.restarts == 1


async def test_a_clean_end_is_told_once_all_is_played(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes
) -> None:
    server = serve({"/short": lambda handler: send(handler, "audio/mpeg", mp3[: len(mp3) // 4])})
    begin = time.monotonic()
    async with open_source(Zone(input=f"{server.url}/short")) as source:
        with pytest.raises(AudioError, match="is lost: the server ended it; check the server"):
            await some(source, 10)
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
        await some(source, 0.5)
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
        with pytest.raises(AudioError, match="is lost: no sound for 2 s"):
            await some(source, 10)
    assert 1.9 < time.monotonic() - begin < 3.5


@pytest.mark.parametrize(("begin", "seconds"), [(0, 5), (SECONDS // 4, 10)])
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
    with pytest.raises(AudioError, match=f"is lost: no sound for {seconds} s"):
        async with open_source(Zone(input=f"{server.url}/trickle")) as source:
            await some(source, 20)
    assert time.monotonic() - begun < seconds + 2


async def test_what_cannot_be_decoded_any_more_is_lost_however_long_it_was_well(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("feed", "web"):
        monkeypatch.setattr(f"streamer.audio.stream.{module}.TRICKLE_TIMEOUT", 1.0)
    monkeypatch.setattr("streamer.audio.packets.MOST_DAMAGED", 100_000)  # as after an hour
    headers_alone = b"".join(mp3[at : at + 4] + b"\xaa" * 413 for at in [0] * 400)

    def spoil(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg", mp3[: len(mp3) // 4])
        for piece in paced(headers_alone, 16000):
            handler.wfile.write(piece)

    server = serve({"/spoilt": spoil})
    async with open_source(Zone(input=f"{server.url}/spoilt")) as source:
        with pytest.raises(AudioError, match="no sound"):
            async with asyncio.timeout(8):
                await some(source, 20)


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
        with pytest.raises(AudioError, match="is lost: no sound for 2 s"):
            async with open_source(Zone(input=url)) as source, asyncio.timeout(12):
                await some(source, 20)
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
