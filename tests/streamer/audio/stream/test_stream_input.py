"""Play live streams: a real Icecast, HLS, RTSP, RTP and UDP."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.audio import Block, Source, open_source
from streamer.config.models import Zone
from streamer.errors import AudioError
from tests.support.icecast import Answer, Icecast, RtspServer, SourceClient, WebServer, encode, send
from tests.support.ports import free_port

pytestmark = pytest.mark.peer

RATE = 44100
SECONDS = 4
Music = Callable[..., np.ndarray]


async def next_blocks(source: Source, seconds: float) -> list[Block]:
    """Return the blocks of the next `seconds` of audio."""
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


@pytest.mark.parametrize(("codec", "form"), [("flac", "flac"), ("pcm_s16le", "wav")])
async def test_a_lossless_stream_is_received_exactly(
    serve: Callable[[dict[str, Answer]], WebServer], song: np.ndarray, codec: str, form: str
) -> None:
    data = encode(song, RATE, codec=codec, form=form)
    server = serve({"/live": lambda handler: send(handler, f"audio/{form}", data)})
    async with open_source(Zone(input=f"{server.url}/live")) as source:
        blocks = await next_blocks(source, SECONDS)
        assert (source.gaps, source.overruns, source.drift_ppm) == (0, 0, 0)
    played = joined(blocks)
    assert len(played) == len(song)
    assert np.abs(played - song).max() <= 1.01 / 32768  # 16-bit quantisation


async def test_hls_is_played_and_a_playlist_opens_no_local_file(
    serve: Callable[[dict[str, Answer]], WebServer], mp3: bytes, tmp_path: Path
) -> None:
    secret = tmp_path / "private.mp3"
    secret.write_bytes(mp3)
    head = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"
    kind = "application/vnd.apple.mpegurl"

    def playlist(*uris: str) -> Answer:
        entries = "".join(f"#EXTINF:{SECONDS}.0,\n{uri}\n" for uri in uris)
        text = head + entries.encode() + b"#EXT-X-ENDLIST\n"
        return lambda handler: send(handler, kind, text)

    def keyed(uri: str) -> Answer:
        key = f'#EXT-X-KEY:METHOD=AES-128,URI="{uri}"\n#EXTINF:{SECONDS}.0,\na.mp3\n'
        return lambda handler: send(handler, kind, head + key.encode() + b"#EXT-X-ENDLIST\n")

    def mapped(uri: str) -> Answer:
        header = f'#EXT-X-MAP:URI="{uri}"\n#EXTINF:{SECONDS}.0,\na.mp3\n'
        return lambda handler: send(handler, kind, head + header.encode() + b"#EXT-X-ENDLIST\n")

    server = serve(
        {
            "/a.mp3": lambda handler: send(handler, "audio/mpeg", mp3),
            "/good.m3u8": playlist("a.mp3", "a.mp3"),
            "/file.m3u8": playlist(f"file://{secret}"),
            "/path.m3u8": playlist(str(secret)),
            "/concat.m3u8": playlist(f"concat:{secret}|{secret}"),
            "/key.m3u8": keyed(f"file://{secret}"),
            "/map.m3u8": mapped(f"file://{secret}"),
        }
    )
    async with open_source(Zone(input=f"{server.url}/good.m3u8")) as source:
        assert np.sqrt(np.mean(joined(await next_blocks(source, 2)) ** 2)) > 0.01
    for name in ("file", "path", "concat", "key", "map"):
        with pytest.raises(AudioError):
            async with open_source(Zone(input=f"{server.url}/{name}.m3u8")) as source:
                await next_blocks(source, 1)


async def test_rtsp_is_played_and_its_end_is_an_error(music: Music, tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    file.write_bytes(encode(music(20, RATE), RATE))
    with RtspServer(file) as server:
        with pytest.raises(AudioError, match="there is no such stream"):
            async with open_source(Zone(input=f"{server.url}/other")):
                pass
        async with open_source(Zone(input=server.url)) as source:
            blocks = await next_blocks(source, 2)
            assert source.gaps == 0
            assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01
        async with open_source(Zone(input=server.url)) as source:
            server.stop()
            with pytest.raises(AudioError, match="/live is lost: "):
                await next_blocks(source, 10)
    with pytest.raises(AudioError, match="nothing listens there; start the server"):
        async with open_source(Zone(input=server.url)):
            pass


@contextlib.contextmanager
def sending(song: np.ndarray, address: str, form: str, **options: str) -> Iterator[None]:
    """Send audio with FFmpeg in real time, like a server."""
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
        started, sent = time.monotonic(), 0
        while not stop.wait(max(started + sent / RATE - time.monotonic(), 0)):
            at = sent % (len(song) - 1152)
            part = np.ascontiguousarray(samples[:, at : at + 1152].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, "s16", "stereo")
            frame.sample_rate, frame.pts = RATE, sent
            container.mux(stream.encode(frame))
            sent += 1152


@pytest.mark.parametrize(("scheme", "form"), [("udp", "mpegts"), ("rtp", "rtp_mpegts")])
async def test_udp_and_rtp_are_played(song: np.ndarray, scheme: str, form: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with sending(song, f"{url}?pkt_size=1316", form):
        async with open_source(Zone(input=url)) as source:
            blocks = await next_blocks(source, 2)
            assert source.gaps == 0
        assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01


async def test_live_hls_is_played_while_its_playlist_advances(
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
            async with asyncio.timeout(5):
                while not playlist.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{server.server_port}/live.m3u8"
            async with open_source(Zone(input=url)) as source:
                blocks = await next_blocks(source, 4)
                assert source.gaps == 0
        finally:
            server.shutdown()
            thread.join()
    assert np.sqrt(np.mean(joined(blocks) ** 2)) > 0.01
    assert not (tmp_path / "live0.ts").exists()


async def test_an_icecast_burst_is_played_in_real_time(icecast: Icecast, mp3: bytes) -> None:
    with SourceClient(icecast, mp3, SECONDS):
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
            assert min(waits) > -0.005  # no block arrives before its capture time
            assert np.median(waits) < 0.02
            assert (source.gaps, source.overruns) == (0, 0)


async def test_the_title_of_a_stream_is_reported(icecast: Icecast, mp3: bytes) -> None:
    with SourceClient(icecast, mp3, SECONDS, ahead=1):
        async with open_source(Zone(input=icecast.url())) as source:
            icecast.set_title("Niña / Blue\x07 Seas")
            async with contextlib.aclosing(source.blocks()) as blocks, asyncio.timeout(8):
                async for _ in blocks:
                    if source.title:
                        break
            assert source.title == "Niña / Blue Seas"
