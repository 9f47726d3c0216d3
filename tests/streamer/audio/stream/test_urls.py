import io
import ssl
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import av
import numpy as np
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from streamer import limits
from streamer.audio.stream import StreamInput
from streamer.decoder.http_audio import HttpStream, sanitize_text
from streamer.decoder.network_input import open_network_input
from streamer.decoder.urls import FORMATS, HLS, SCHEMES, check_url, redact_url
from streamer.errors import AudioError, UsageError
from tests.support.icecast import Answer, WebServer, encode, mp3_song, send
from tests.support.ports import free_port

pytestmark = pytest.mark.long

Tone = Callable[..., np.ndarray]

ELSEWHERE = {
    "ftp": "//127.0.0.1/x",
    "data": "//audio/mpeg;base64,AAAA",
    "concat": "//etc/hostname",
    "rtsp": "//127.0.0.1/x",
}


@pytest.fixture(scope="module")
def mp3() -> bytes:
    time = np.arange(2 * 44100) / 44100
    return encode((0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), 44100)


@pytest.fixture(scope="module")
def server(mp3: bytes) -> Iterator[WebServer]:
    def status(code: int) -> Answer:
        return lambda handler: handler.send_error(code)

    def to(place: str) -> Answer:
        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", place)
            handler.end_headers()

        return redirect

    def say(kind: str, *data: bytes, **headers: str) -> Answer:
        return lambda handler: send(handler, kind, *data, **headers)

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "audio/mpeg")
        handler.wfile.flush()
        handler.connection.settimeout(4)
        handler.rfile.read(1)  # until the listener hangs up

    def heads(*lines: bytes) -> Answer:
        return lambda handler: handler.wfile.write(
            b"HTTP/1.0 200 OK\r\n" + b"".join(lines) + b"\r\n" + mp3
        )

    def continues(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def old(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"ICY 200 OK\r\nicy-name: Old Radio\r\n\r\n" + mp3)

    page = b"<!DOCTYPE html><html><body>" + 2000 * b"listen now " + b"</body></html>"
    words = bytes(range(32, 127)) * 200
    answers = {
        "/sound": say("audio/mpeg", mp3),
        "/untold": say("application/octet-stream", mp3),
        "/old": old,
        "/circle": to("/circle"),
        **{f"/hop{n}": to(f"/hop{n - 1}") for n in range(1, 8)},
        "/hop0": to("/sound"),
        "/to-file": to("file:///etc/hostname"),
        "/to-page": to("/page"),
        **{f"/to-{name}": to(f"{name}:{rest}") for name, rest in ELSEWHERE.items()},
        "/long-header": heads(b"X: " + b"x" * 200_000 + b"\r\n"),
        "/endless-status": lambda handler: handler.wfile.write(b"HTTP/1.0 200 " + b"O" * 200_000),
        "/many-headers": heads(*(b"X-%d: y\r\n" % number for number in range(5000))),
        "/continues": continues,
        "/page": say("text/html", page),
        "/hidden-page": say("audio/mpeg", page),
        "/garbage": say("audio/mpeg", words),
        "/noise": say("audio/mpeg", np.random.default_rng(0).bytes(60_000)),
        "/picture": say("image/gif", b"GIF89a" + bytes(5000)),
        "/nothing": say("audio/mpeg"),
        "/stall": stall,
        "/list.m3u": say("audio/x-mpegurl", b"#EXTM3U\nhttp://me:secret@radio.example/live\n"),
        "/list.pls": say("audio/x-scpls", b"[playlist]\nFile1=http://radio.example/live\n"),
        **{f"/{code}": status(code) for code in (401, 403, 404, 418, 503)},
    }
    with WebServer(answers) as server:
        yield server


# What may be opened


def test_no_scheme_and_no_format_reaches_local_files() -> None:
    names = {p for s in (*SCHEMES.values(), HLS) for p in s.protocols.split(",")}
    assert not names & {"file", "concat", "subfile", "pipe", "fd", "data", "cache", "unix", "async"}
    assert not set(FORMATS.split(",")) & {"concat", "lavfi", "image2", "dash", "tee"}
    assert set(FORMATS.split(",")) <= av.formats_available | {"matroska", "mov"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gopher://host/x", "gopher streams are not supported; give a URL that begins with http, "),
        ("file:///etc/hostname", "give the path of a file, without file://"),
        ("concat://a|b", "concat streams are not supported"),
        ("http:///live", "names no host; give http://host/..."),
        ("http://host:port/live", "its host or port is invalid; give scheme://"),
        ("http://[::1/live", "its host or port is invalid"),
        ("rtp://127.0.0.1", "names no port; give rtp://127.0.0.1:PORT"),
        ("udp://239.0.0.1/", "names no port"),
        ("http://host/a b", "holds a space or a control character"),
        ("http://host/a\r\nX: y", "holds a space or a control character"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_before_anything_is_opened(
    url: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        open_network_input(url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["HTTP://host/live", "https://[::1]:8443/x?y=1", "rtsp://me:word@cam/1", "udp://@239.1.1.1:99"],
)
def test_a_url_that_can_be_meant_passes(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host:8000/live", "http://host:8000/live"),
        ("http://me:secret@host/live", "http://host/live"),
        ("http://secret@host/live?token=secret#secret", "http://host/live"),
        ("http://me:se@cret@host/live", "http://host/live"),
        ("http://me:secret/secret@host/live", "http://host/live"),
        ("rtsp://cam:se?cret@host/s", "rtsp://host/s"),
        ("mqtt://me:se#cret@host", "mqtt://host"),
        ("http://host?mail=a", "http://host"),
        ("http://host/@artist/live", "http://host/@artist/live"),
        ("http://host:80/@artist", "http://host:80/@artist"),
        ("http://[::1]:80/live", "http://[::1]:80/live"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="/@")), st.text())
def test_a_password_is_never_shown(password: str, path: str) -> None:
    assert redact_url(f"http://me:{password}XYZZY@host/{path.replace('@', '')}").count("XYZZY") == 0


# How it is told


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/401", "it wants a user and password (401); write http://USER:PASSWORD@HOST/"),
        ("/403", "it forbids access (403); ask its operator"),
        ("/404", "there is no such stream (404); correct the path"),
        ("/418", "it refuses with HTTP status 418; check the address"),
        ("/503", "the server has an internal error (503); check it, or try later"),
        ("/circle", "it redirects more than 5 times, or in a circle; give the address where"),
        ("/hop6", "it redirects more than 5 times, or in a circle"),
        ("/to-file", "it redirects to file:///etc/hostname, which is not a web address"),
        *((f"/to-{name}", f"it redirects to {name}:") for name in ELSEWHERE),
        ("/long-header", "its answer is not HTTP; correct host and port"),
        ("/endless-status", "its answer is not HTTP; correct host and port"),
        ("/many-headers", "its answer is not HTTP; correct host and port"),
        ("/continues", "its answer is not HTTP; correct host and port"),
        (
            "/page",
            "it sends text/html, not audio; give the address of the stream itself, not of it",
        ),
        ("/to-page", "it sends text/html, not audio"),
        ("/hidden-page", "not audio; give the address of the stream itself, not of its web page"),
        ("/garbage", "it sends no audio; give the address of an audio stream"),
        ("/picture", "it sends no audio; give the address of an audio stream"),
        ("/nothing", "it sends nothing; check that audio is sent to it"),
        ("/stall", "no audio for 2 s; check the server and the network"),
        (
            "/list.m3u",
            "a playlist, not audio; give the address that it names: http://radio.example",
        ),
        (
            "/list.pls",
            "a playlist, not audio; give the address that it names: http://radio.example",
        ),
    ],
)
def test_what_a_server_does_wrong_is_one_line(server: WebServer, path: str, message: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AudioError) as caught:
        open_network_input(server.url.replace("//", "//me:secret@") + path + "?key=secret").close()
    assert time.monotonic() - begun < 5.5
    assert str(caught.value).startswith(f"cannot open {server.url}{path}: ")
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp"])
def test_nothing_listens_and_nobody_knows_the_host(scheme: str) -> None:
    with pytest.raises(AudioError, match="nothing listens there; start the server, or correct"):
        open_network_input(f"{scheme}://127.0.0.1:{free_port()}/live")
    with pytest.raises(AudioError, match="unknown host; correct the address"):
        open_network_input(f"{scheme}://no-such-host.invalid/live")


def test_no_datagram_and_no_free_port_are_told() -> None:
    with pytest.raises(AudioError, match="nothing arrives; check that audio is sent there"):
        open_network_input(f"udp://127.0.0.1:{free_port()}")


def test_a_certificate_nobody_trusts_is_told_and_a_trusted_one_heard(
    mp3: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = WebServer({"/sound": lambda handler: send(handler, "audio/mpeg", mp3)})
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    with server:
        url = f"https://localhost:{server.http.server_port}/sound"
        with pytest.raises(AudioError, match=r"certificate is not trusted .*set SSL_CERT_FILE"):
            open_network_input(url)
        with authority.cert_pem.tempfile() as file:
            monkeypatch.setenv("SSL_CERT_FILE", file)
            open_network_input(url).close()
            with pytest.raises(AudioError, match="IP address mismatch"):
                open_network_input(url.replace("localhost", "127.0.0.1"))


def test_plain_http_in_place_of_tls_is_told(server: WebServer) -> None:
    with pytest.raises(AudioError, match="offers no TLS that we support; use http://"):
        open_network_input(server.url.replace("http:", "https:") + "/sound")


def test_what_speaks_no_http_is_told(server: WebServer) -> None:
    server.answers["/smtp"] = lambda handler: handler.wfile.write(b"220 mail.example ESMTP\r\n")
    with pytest.raises(AudioError, match="its answer is not HTTP; correct host and port"):
        open_network_input(server.url + "/smtp")


@pytest.mark.parametrize("kind", ["text/" + "a" * 3000, "text/\x1b[2J"])
def test_a_kind_that_a_server_makes_up_is_told_in_one_short_line(
    server: WebServer, kind: str
) -> None:
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
    server.answers["/kind"] = lambda handler: handler.wfile.write(head + b"x" * 2000)
    with pytest.raises(AudioError, match="it sends text/") as caught:
        open_network_input(server.url + "/kind")
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_place_that_a_redirect_makes_up_is_told_in_one_short_line(server: WebServer) -> None:
    place = "file:///" + "a" * 50_000
    head = f"HTTP/1.0 302 Go\r\nLocation: {place}\r\n\r\n".encode()
    server.answers["/place"] = lambda handler: handler.wfile.write(head)
    with pytest.raises(AudioError, match="which is not a web address") as caught:
        open_network_input(server.url + "/place")
    assert len(str(caught.value)) < 500


# What is opened


@pytest.mark.parametrize("path", ["/sound", "/untold", "/old", "/hop4"])
def test_sound_is_found_whatever_the_server_calls_it(server: WebServer, path: str) -> None:
    remote = open_network_input(server.url + path)
    try:
        frame = next(remote.container.decode(remote.stream))
        assert (remote.container.format.name, frame.sample_rate) == ("mp3", 44100)
        assert remote.name == ("Old Radio" if path == "/old" else "")
    finally:
        remote.close()


def test_a_stream_is_recognised_wherever_in_it_we_come_in(server: WebServer) -> None:
    data = mp3_song()  # holds places from which 8 KiB do not tell an MP3
    for begin in range(0, len(data) // 2, 331):
        entered = data[begin:]
        server.answers["/live"] = lambda handler, data=entered: send(handler, "audio/mpeg", data)
        remote = open_network_input(server.url + "/live")
        assert remote.container.format.name == "mp3", begin
        remote.close()


def test_user_and_password_are_sent_to_their_host_alone(server: WebServer, mp3: bytes) -> None:
    with WebServer({"/x": lambda handler: send(handler, "audio/mpeg", mp3)}) as other:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", other.url + "/x")
            handler.end_headers()

        server.answers["/away"] = redirect
        HttpStream(server.url.replace("//", "//m%40e:a%3Ab@") + "/away").close()
        assert server.requests[-1][1]["Authorization"] == "Basic bUBlOmE6Yg=="
        assert "Authorization" not in other.requests[-1][1]


@pytest.mark.parametrize("head", [b"ICY \r\n\r\n", b"ICY x y\r\n\r\n"])
def test_a_broken_shoutcast_head_is_told(server: WebServer, head: bytes) -> None:
    server.answers["/icy"] = lambda handler: handler.wfile.write(head)
    with pytest.raises(AudioError, match="its answer is not HTTP"):
        open_network_input(server.url + "/icy")


def test_numbers_without_end_in_a_head_are_no_numbers(server: WebServer, mp3: bytes) -> None:
    digits = "1" * 5000
    server.answers["/digits"] = lambda handler: send(
        handler, "audio/mpeg", mp3, icy_metaint=digits, icy_name=f"&#{digits};"
    )
    open_network_input(server.url + "/digits").close()


def test_a_redirect_whose_page_has_no_end_is_followed(server: WebServer, mp3: bytes) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/sound")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 1000)

    server.answers["/endless"] = endless
    open_network_input(server.url + "/endless").close()


def test_a_rate_that_cannot_be_is_no_sound(server: WebServer) -> None:
    wav = bytearray(encode(np.zeros(8000, np.float32), 8000, codec="pcm_s16le", form="wav"))
    wav[24:28] = (2_000_000_000).to_bytes(4, "little")
    server.answers["/quick"] = lambda handler: send(handler, "audio/wav", bytes(wav))
    with pytest.raises(AudioError, match="/quick: it sends no audio; give the address"):
        StreamInput(server.url + "/quick", ())


class TestTitles:
    @staticmethod
    def woven(sound: bytes, interval: int, *titles: bytes) -> bytes:
        out = io.BytesIO()
        for number, at in enumerate(range(0, len(sound), interval)):
            out.write(sound[at : at + interval])
            if at + interval > len(sound):
                break
            title = titles[number] if number < len(titles) else b""
            text = b"StreamTitle='" + title + b"';StreamUrl='';" if title else b""
            blocks = -(-len(text) // 16)
            out.write(bytes([blocks]) + text.ljust(16 * blocks, b"\0"))
        return out.getvalue()

    @pytest.mark.parametrize("interval", [1, 100, 1000, 8000])
    def test_sound_is_whole_once_the_titles_are_taken_out(
        self, server: WebServer, mp3: bytes, interval: int
    ) -> None:
        data = self.woven(mp3, interval, b"One", b"", b"It's Two; really")
        server.answers["/icy"] = lambda handler: send(
            handler, "audio/mpeg", data, icy_metaint=str(interval), icy_name="Radio"
        )
        with HttpStream(server.url + "/icy") as web:
            received = b"".join(iter(lambda: web.read(4096), b""))
            assert received == mp3
            assert (web.title, web.name) == ("It's Two; really", "Radio")
        assert server.requests[-1][1]["Icy-Metadata"] == "1"

    @pytest.mark.parametrize(
        ("raw", "title"),
        [
            ("Caf\u00e9".encode(), "Caf\u00e9"),
            ("Caf\u00e9".encode("latin-1"), "Caf\u00e9"),
            (b"A &#8211; B &amp; C", "A \u2013 B & C"),
            (b"a\x1b[31mred\x07\n\tb", "a [31mred b"),
            (b"x" * 1000, "x" * limits.MAX_TITLE_CHARS),
        ],
    )
    def test_a_title_is_printable_and_short(
        self, server: WebServer, mp3: bytes, raw: bytes, title: str
    ) -> None:
        data = self.woven(mp3, 2000, raw)
        server.answers["/icy"] = lambda h: send(h, "audio/mpeg", data, icy_metaint="2000")
        with HttpStream(server.url + "/icy") as web:
            while web.read(4096):
                pass
            assert web.title == title

    @given(st.text())
    def test_whatever_a_server_says_becomes_one_printable_line(self, text: str) -> None:
        assert sanitize_text(text).isprintable()
        assert len(sanitize_text(text)) <= limits.MAX_TITLE_CHARS
