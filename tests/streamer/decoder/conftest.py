"""Web server with one path for each kind of good and bad answer."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from tests.support.icecast import Answer, WebServer, encode, send

OTHER_SCHEMES = {
    "ftp": "//127.0.0.1/x",
    "data": "//audio/mpeg;base64,AAAA",
    "concat": "//etc/hostname",
    "rtsp": "//127.0.0.1/x",
}


@pytest.fixture(scope="module")
def mp3() -> bytes:
    """Two seconds of 440 Hz."""
    seconds = np.arange(2 * 44100) / 44100
    return encode((0.3 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32), 44100)


@pytest.fixture(scope="module")
def server(mp3: bytes) -> Iterator[WebServer]:
    def refuse(code: int) -> Answer:
        return lambda handler: handler.send_error(code)

    def redirect_to(location: str) -> Answer:
        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", location)
            handler.end_headers()

        return redirect

    def respond(content_type: str, *data: bytes, **headers: str) -> Answer:
        return lambda handler: send(handler, content_type, *data, **headers)

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg")
        handler.wfile.flush()
        handler.connection.settimeout(4)
        handler.rfile.read(1)  # until the listener hangs up

    def respond_with_headers(*lines: bytes) -> Answer:
        return lambda handler: handler.wfile.write(
            b"HTTP/1.0 200 OK\r\n" + b"".join(lines) + b"\r\n" + mp3
        )

    def continue_for_ever(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def shoutcast(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"ICY 200 OK\r\nicy-name: Old Radio\r\n\r\n" + mp3)

    page = b"<!DOCTYPE html><html><body>" + 2000 * b"listen now " + b"</body></html>"
    text = bytes(range(32, 127)) * 200
    answers = {
        "/audio": respond("audio/mpeg", mp3),
        "/unknown-type": respond("application/octet-stream", mp3),
        "/shoutcast": shoutcast,
        "/circle": redirect_to("/circle"),
        **{f"/hop{n}": redirect_to(f"/hop{n - 1}") for n in range(1, 8)},
        "/hop0": redirect_to("/audio"),
        "/to-file": redirect_to("file:///etc/hostname"),
        "/to-page": redirect_to("/page"),
        **{f"/to-{name}": redirect_to(f"{name}:{rest}") for name, rest in OTHER_SCHEMES.items()},
        "/long-header": respond_with_headers(b"X: " + b"x" * 200_000 + b"\r\n"),
        "/endless-status": lambda handler: handler.wfile.write(b"HTTP/1.0 200 " + b"O" * 200_000),
        "/many-headers": respond_with_headers(*(b"X-%d: y\r\n" % number for number in range(5000))),
        "/continues": continue_for_ever,
        "/page": respond("text/html", page),
        "/hidden-page": respond("audio/mpeg", page),
        "/text": respond("audio/mpeg", text),
        "/picture": respond("image/gif", b"GIF89a" + bytes(5000)),
        "/nothing": respond("audio/mpeg"),
        "/stall": stall,
        "/list.m3u": respond("audio/x-mpegurl", b"#EXTM3U\nhttp://me:secret@radio.example/live\n"),
        "/list.pls": respond("audio/x-scpls", b"[playlist]\nFile1=http://radio.example/live\n"),
        **{f"/{code}": refuse(code) for code in (401, 403, 404, 418, 503)},
    }
    with WebServer(answers) as server:
        yield server
