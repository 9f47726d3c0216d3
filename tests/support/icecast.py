"""Streaming servers on loopback, for tests and benchmarks: real ones, and ones that misbehave.

`Icecast` is the real server; a `SourceClient` sends encoded audio to it in real time. `RtspServer`
is VLC. `WebServer` calls a function for each path.
"""

import base64
import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.ports import free_port, wait_until_listening

SONG_SECONDS = 20
"""Duration of `mp3_song`."""

PASSWORD = "only-on-loopback"  # noqa: S105

_CONFIGURATION = """<icecast>
<limits><clients>20</clients><sources>5</sources><queue-size>1048576</queue-size>
<source-timeout>60</source-timeout><burst-size>65536</burst-size></limits>
<authentication><source-password>{password}</source-password><admin-user>admin</admin-user>
<admin-password>{password}</admin-password></authentication><hostname>localhost</hostname>
<listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
<fileserve>0</fileserve><paths><basedir>{folder}</basedir><logdir>{folder}</logdir>
<webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>
<logging><accesslog>-</accesslog><errorlog>-</errorlog><loglevel>1</loglevel></logging>
<security><chroot>0</chroot>{owner}</security></icecast>
"""
# icecast refuses to run as root; it changes to this user.
_OWNER = "<changeowner><user>nobody</user><group>nogroup</group></changeowner>"


def encode(
    samples: NDArray[np.float32], rate: int, *, codec: str = "libmp3lame", form: str = "mp3"
) -> bytes:
    """Encode mono samples as stereo at 128 kbit/s; an MP3 without tags, so that it can repeat."""
    memory = io.BytesIO()
    options = {"id3v2_version": "0", "write_xing": "0"} if form == "mp3" else {}
    with av.open(memory, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(np.stack((samples, samples)), "fltp", "stereo")
        frame.sample_rate = rate
        frame.pts = 0
        length = stream.codec_context.frame_size or 1024
        cutter = av.AudioResampler(stream.codec_context.format, "stereo", rate, length)
        for part in (*cutter.resample(frame), *cutter.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return memory.getvalue()


def mp3_song(rate: int = 44100) -> bytes:
    """Return chords over noise as an MP3 of `SONG_SECONDS`, the same at every call."""
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.003, SONG_SECONDS * rate)
    time_axis = np.arange(rate) / rate
    for second in range(SONG_SECONDS):
        for tone in 110 * 2 ** (random.choice(36, 4, replace=False) / 12):
            note = np.exp(-3 * time_axis) * np.sin(2 * np.pi * tone * time_axis)
            samples[second * rate : (second + 1) * rate] += 0.1 * note
    return encode(samples.astype(np.float32), rate)


class Icecast:
    """A real Icecast server, to be started, suspended and stopped."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, mount: str = "live") -> str:
        return f"http://127.0.0.1:{self.port}/{mount}"

    def start(self) -> None:
        program = shutil.which("icecast2") or shutil.which("icecast")
        if program is None:
            raise RuntimeError("cannot start icecast: it is not installed; apt install icecast2")
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        file = self._folder / "icecast.xml"
        file.write_text(
            _CONFIGURATION.format(
                password=PASSWORD,
                port=self.port,
                folder=tempfile.gettempdir(),
                owner=_OWNER if root else "",
            )
        )
        self._process = subprocess.Popen(
            [program, "-c", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until_listening(self._process, self.port)

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def set_title(self, title: str, mount: str = "live") -> None:
        query = urllib.parse.urlencode(
            {"mount": f"/{mount}", "mode": "updinfo", "song": title, "charset": "UTF-8"}
        )
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/admin/metadata?{query}",
            headers={"Authorization": _basic("admin")},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            answer.read()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


class SourceClient:
    """Icecast source client: sends encoded audio to a mount in real time, repeating it.

    Parameters
    ----------
    server
        Server to send to.
    data, seconds
        Encoded audio, and its duration.
    ahead
        Seconds sent at once at the start, which become the server's burst.
    """

    def __init__(
        self,
        server: Icecast,
        data: bytes,
        seconds: float,
        *,
        mount: str = "live",
        content_type: str = "audio/mpeg",
        ahead: float = 5.0,
    ) -> None:
        self.error: OSError | None = None
        self._data, self._ahead = data, ahead
        self._rate = len(data) / seconds  # bytes per second
        self._ended = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self._socket.sendall(
            f"PUT /{mount} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {_basic('source')}\r\n"
            f"Content-Type: {content_type}\r\nIce-Name: Radio Loopback\r\nIce-Public: 0\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        answer = self._socket.recv(1024)
        if b"100" not in answer.split(b"\r\n")[0]:
            raise RuntimeError(f"cannot connect to icecast as a source: {answer!r}")
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def __enter__(self) -> "SourceClient":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def stop(self) -> None:
        self._ended.set()
        self._flowing.set()
        self._thread.join()
        self._socket.close()

    def _send(self) -> None:
        started, sent = time.monotonic() - self._ahead, 0
        step = max(round(self._rate * 0.05), 1)
        chunks = cycle([self._data[at : at + step] for at in range(0, len(self._data), step)])
        while not self._ended.wait(max(started + sent / self._rate - time.monotonic(), 0)):
            if not self._flowing.is_set():
                paused = time.monotonic()
                self._flowing.wait()
                started += time.monotonic() - paused
            chunk = next(chunks)
            try:
                self._socket.sendall(chunk)
            except OSError as error:
                self.error = error
                return
            sent += len(chunk)


class RtspServer:
    """VLC as an RTSP server that sends an encoded file once, in real time."""

    def __init__(self, file: Path) -> None:
        self.port = free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RtspServer":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [
            "vlc", "--intf=dummy", "--no-plugins-cache", "--play-and-exit",
            "--rtsp-host=127.0.0.1", "fd://0", f"--sout=#rtp{{sdp={self.url}}}",
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # VLC refuses to run as root
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        with self._file.open("rb") as file:
            self._process = subprocess.Popen(
                command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        wait_until_listening(self._process, self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


Answer = Callable[[BaseHTTPRequestHandler], None]


class WebServer:
    """HTTP server on loopback that calls a function for each path.

    Attributes
    ----------
    requests
        Paths and headers of the requests so far.
    """

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers)))
                answer = answers.get(self.path.partition("?")[0])
                with contextlib.suppress(OSError):
                    if answer is None:
                        self.send_error(404)
                    else:
                        answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        class QuietServer(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: object) -> None:
                pass

        self.answers = answers
        self.http = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "WebServer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, kind: str, *data: bytes, **headers: str) -> None:
    """Respond with status 200, headers (``_`` for ``-``), then each chunk of data."""
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    for chunk in data:
        handler.wfile.write(chunk)


def paced(data: bytes, bytes_per_second: float, burst: float = 0.0) -> Iterator[bytes]:
    """Yield `burst` seconds of data at once, then the rest at a constant rate, 20 ms at a time."""
    started = time.monotonic() - burst
    step = max(round(bytes_per_second * 0.02), 1)
    for at in range(0, len(data), step):
        time.sleep(max(started + at / bytes_per_second - time.monotonic(), 0))
        yield data[at : at + step]


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
