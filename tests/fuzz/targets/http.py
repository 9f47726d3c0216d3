"""Fuzz network streams: an HTTP server on loopback with arbitrary responses."""

import contextlib
import socket
import threading
from pathlib import Path
from random import Random

import numpy as np

from streamer import limits
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder, DecoderProcessError
from streamer.audio.downmix import downmix
from streamer.errors import StreamerError
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.seeds import FOURCCS, audio_files
from tests.fuzz.targets.base import Target
from tests.fuzz.targets.stdin import check_samples
from tests.fuzz.verdict import CANARY, FuzzFailure, Input, check_error, check_text

MAX_SECONDS = 120.0
_KINDS = (
    b"audio/mpeg", b"audio/ogg", b"application/octet-stream", b"text/html", b"audio/x-mpegurl",
    b"application/vnd.apple.mpegurl", b"", b"a" * 3000, b"\xff\xfe", b"audio/mpeg; charset=\x00",
    b"text/\x1b[2J", b"text/" + b"a" * 3000, b"TEXT/\xff",
)  # fmt: skip
_HEADERS = (
    b"icy-metaint: 100", b"icy-metaint: 0", b"icy-metaint: -1", b"icy-metaint: 999999999",
    b"icy-metaint: " + b"1" * 5000, b"icy-name: \x1b[31mred\xff", b"icy-name: " + b"n" * 9000,
    b"icy-name: &#" + b"1" * 5000 + b";", b"Content-Length: 5", b"Content-Length: 99999999999999",
    b"Content-Length: -1", b"Content-Length: x", b"Transfer-Encoding: chunked",
    b"Content-Encoding: gzip", b"Set-Cookie: a=b", b"x: " + b"y" * 70_000, b"no colon", b": empty",
    b" folded", b"Connection: keep-alive",
)  # fmt: skip
_STATUS = (
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"ICY 200 OK", b"ICY", b"ICY x", b"HTTP/1.1 404 No",
    b"HTTP/1.1 401 No", b"HTTP/1.1 500 " + b"w" * 3000, b"HTTP/1.1 100 Continue", b"HTTP/9.9 200",
    b"HTTP/1.1 99999 x", b"HTTP/1.1 -1 x", b"SIP/2.0 200 OK", b"", b"\xff\xfb\x90", b"220 ESMTP",
)  # fmt: skip
_PLACES = (
    b"/elsewhere", b"/again", b"http://127.0.0.1:1/x", b"file:///etc/passwd", b"//127.0.0.1:1/",
    b"ftp://127.0.0.1/x", b"http://[::1", b"", b"/" + b"a" * 9000, b"http://\xff/", b"/\x1b[2J",
    b"data:audio/wav,x", b"HTTP://127.0.0.1:99999/", b"http://a b/",
)  # fmt: skip
_LISTS = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/elsewhere\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/again\n",
    b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"\n#EXTINF:1,\n/elsewhere\n',
    b"#EXTM3U\nhttp://u:secret@h/\n", b"[playlist]\nFile1=/etc/passwd\n", b"<html>",
)  # fmt: skip


class HttpTarget(Target):
    """Decode a stream in the decoder process until it is lost."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = _Server()
        self._decoder = Decoder()
        self._files = list(audio_files().values())
        self._songs = [audio_files()[name] for name in ("song.mp3", "song.aac", "song.ogg")]

    def make(self, random: Random) -> Input:
        return {
            "answer": self._answer(random, redirects=True),
            "again": self._answer(random, redirects=random.random() < 0.3),
            "elsewhere": self._answer(random, redirects=False),
        }

    def check(self, given: Input) -> str:
        self._server.answers = {"/live": given["answer"]} | {
            f"/{name}": given[name] for name in ("again", "elsewhere")
        }
        url = f"http://u:{CANARY}@127.0.0.1:{self._server.port}/live?token={CANARY}"
        decoded_s = 0.0
        try:
            opened = self._decoder.open({"url": url}, limits.STREAM_OPEN_TIMEOUT_S)
            check_text(opened.name)
            for piece in downmix(self._decoder.frames(), opened.rate, (), Cleaner()):
                check_text(self._decoder.title)
                if isinstance(piece, np.ndarray):
                    check_samples(piece)
                    decoded_s += len(piece) / opened.rate
                if decoded_s > MAX_SECONDS:
                    self._decoder.close()
                    return "more than can be listened to"
        except DecoderProcessError as gone:
            if gone.timed_out:
                raise FuzzFailure("the decoder hangs") from None
            return f"DecoderProcessError: {gone.reason}"
        except StreamerError as error:
            return check_error(error, str(self._server.port))
        raise FuzzFailure("a stream that ends without a word")

    def close(self) -> None:
        self._decoder.close()
        self._server.close()

    def _answer(self, random: Random, *, redirects: bool) -> bytes:
        if redirects and random.random() < 0.25:
            code = random.choice((b"301", b"302", b"303", b"307", b"308", b"300", b"304"))
            place = random.choice(_PLACES)
            answer = b"HTTP/1.1 " + code + b" Go\r\nLocation: " + place + b"\r\n\r\n"
            return mutated(random, answer) if random.random() < 0.2 else answer
        status = _STATUS[0] if random.random() < 0.9 else random.choice(_STATUS)
        headers = [status]
        if random.random() < 0.8:
            headers.append(b"Content-Type: " + random.choice(_KINDS))
        if random.random() < 0.5:
            headers += random.sample(_HEADERS, random.choice((1, 1, 2)))
        if random.random() < 0.02:
            headers += [b"x-%d: y" % number for number in range(random.choice((90, 150, 2000)))]
        body = self._body(random)
        if b"icy-metaint: 100" in headers and random.random() < 0.8:
            body = _with_titles(random, body)
        if b"Transfer-Encoding: chunked" in headers and random.random() < 0.7:
            body = _chunked(random, body)
        answer = b"\r\n".join(headers) + b"\r\n\r\n" + body
        return mutated(random, answer) if random.random() < 0.1 else answer

    def _body(self, random: Random) -> bytes:
        match random.randrange(8):
            case 0:
                return some_bytes(random, 5000)
            case 1:
                return mutated(random, random.choice(_LISTS), others=_LISTS)
            case 2 | 3:
                return random.choice(self._songs)
            case 4:
                return mutated(random, random.choice(self._files), tokens=FOURCCS)
        return mutated(random, random.choice(self._songs), others=self._songs, tokens=FOURCCS)


def _with_titles(random: Random, audio: bytes) -> bytes:
    """Insert ICY titles after every 100 bytes."""
    out = bytearray()
    for at in range(0, len(audio), 100):
        title = b"StreamTitle='" + some_bytes(random, 100) + b"';" if random.random() < 0.1 else b""
        blocks = min(-(-len(title) // 16), 255)
        out += audio[at : at + 100] + bytes([blocks]) + title.ljust(16 * blocks, b"\0")
    return bytes(out)


def _chunked(random: Random, body: bytes) -> bytes:
    out = b""
    while body and len(out) < 100_000:
        size = random.choice((1, 100, 5000))
        claimed = random.choice(
            (b"%x" % len(body[:size]),) * 30 + (b"ffffffffff", b"-1", b"", b"x")
        )
        out += claimed + b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    return out + random.choice((b"0\r\n\r\n", b"0\r\nx: y\r\n", b""))


class _Server:
    """Respond to each request with the bytes of its path, and close the connection."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            request = b""
            while b"\r\n\r\n" not in request and (data := connection.recv(4096)):
                request += data
            path = (
                request.split(b" ")[1].decode("latin-1").partition("?")[0]
                if b" " in request
                else ""
            )
            connection.sendall(self.answers.get(path, b"HTTP/1.1 404 No\r\n\r\n"))
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
