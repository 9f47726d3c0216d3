"""Opening network streams: errors of servers, formats, TLS."""

import ssl
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
import trustme

from streamer.audio.stream import StreamInput
from streamer.decoder.network_input import open_network_input
from streamer.errors import AudioError
from tests.streamer.decoder.conftest import OTHER_SCHEMES
from tests.support.icecast import WebServer, encode, mp3_song, send
from tests.support.ports import free_port

pytestmark = pytest.mark.long


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
        *((f"/to-{name}", f"it redirects to {name}:") for name in OTHER_SCHEMES),
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
        ("/text", "it sends no audio; give the address of an audio stream"),
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
def test_a_failure_is_one_line_with_its_cause(server: WebServer, path: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(AudioError) as caught:
        open_network_input(server.url.replace("//", "//me:secret@") + path + "?key=secret").close()
    assert time.monotonic() - started < 5.5
    assert str(caught.value).startswith(f"cannot open {server.url}{path}: ")
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp"])
def test_a_closed_port_and_an_unknown_host_are_named(scheme: str) -> None:
    with pytest.raises(AudioError, match="nothing listens there; start the server, or correct"):
        open_network_input(f"{scheme}://127.0.0.1:{free_port()}/live")
    with pytest.raises(AudioError, match="unknown host; correct the address"):
        open_network_input(f"{scheme}://no-such-host.invalid/live")


def test_a_udp_port_without_datagrams_is_named() -> None:
    with pytest.raises(AudioError, match="nothing arrives; check that audio is sent there"):
        open_network_input(f"udp://127.0.0.1:{free_port()}")


def test_an_untrusted_certificate_is_refused_and_a_trusted_one_accepted(
    mp3: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = WebServer({"/audio": lambda handler: send(handler, "audio/mpeg", mp3)})
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    with server:
        url = f"https://localhost:{server.http.server_port}/audio"
        with pytest.raises(AudioError, match=r"certificate is not trusted .*set SSL_CERT_FILE"):
            open_network_input(url)
        with authority.cert_pem.tempfile() as file:
            monkeypatch.setenv("SSL_CERT_FILE", file)
            open_network_input(url).close()
            with pytest.raises(AudioError, match="IP address mismatch"):
                open_network_input(url.replace("localhost", "127.0.0.1"))


def test_plain_http_at_an_https_url_is_named(server: WebServer) -> None:
    with pytest.raises(AudioError, match="offers no TLS that we support; use http://"):
        open_network_input(server.url.replace("http:", "https:") + "/audio")


def test_another_protocol_is_not_http(server: WebServer) -> None:
    server.answers["/smtp"] = lambda handler: handler.wfile.write(b"220 mail.example ESMTP\r\n")
    with pytest.raises(AudioError, match="its answer is not HTTP; correct host and port"):
        open_network_input(server.url + "/smtp")


@pytest.mark.parametrize("content_type", ["text/" + "a" * 3000, "text/\x1b[2J"])
def test_an_invalid_content_type_is_shown_in_one_short_line(
    server: WebServer, content_type: str
) -> None:
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode()
    server.answers["/type"] = lambda handler: handler.wfile.write(head + b"x" * 2000)
    with pytest.raises(AudioError, match="it sends text/") as caught:
        open_network_input(server.url + "/type")
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_long_redirect_location_is_shown_in_one_short_line(server: WebServer) -> None:
    location = "file:///" + "a" * 50_000
    head = f"HTTP/1.0 302 Go\r\nLocation: {location}\r\n\r\n".encode()
    server.answers["/redirect"] = lambda handler: handler.wfile.write(head)
    with pytest.raises(AudioError, match="which is not a web address") as caught:
        open_network_input(server.url + "/redirect")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("path", ["/audio", "/unknown-type", "/shoutcast", "/hop4"])
def test_audio_is_recognised_whatever_its_content_type(server: WebServer, path: str) -> None:
    network_input = open_network_input(server.url + path)
    try:
        frame = next(network_input.container.decode(network_input.stream))
        assert (network_input.container.format.name, frame.sample_rate) == ("mp3", 44100)
        assert network_input.name == ("Old Radio" if path == "/shoutcast" else "")
    finally:
        network_input.close()


def test_a_stream_is_recognised_from_any_position(server: WebServer) -> None:
    data = mp3_song()  # from some positions 8 KiB do not identify an MP3
    for begin in range(0, len(data) // 2, 331):
        rest = data[begin:]
        server.answers["/live"] = lambda handler, data=rest: send(handler, "audio/mpeg", data)
        network_input = open_network_input(server.url + "/live")
        assert network_input.container.format.name == "mp3", begin
        network_input.close()


@pytest.mark.parametrize("head", [b"ICY \r\n\r\n", b"ICY x y\r\n\r\n"])
def test_a_malformed_shoutcast_status_line_is_named(server: WebServer, head: bytes) -> None:
    server.answers["/icy"] = lambda handler: handler.wfile.write(head)
    with pytest.raises(AudioError, match="its answer is not HTTP"):
        open_network_input(server.url + "/icy")


def test_overlong_numbers_in_headers_are_ignored(server: WebServer, mp3: bytes) -> None:
    digits = "1" * 5000
    server.answers["/digits"] = lambda handler: send(
        handler, "audio/mpeg", mp3, icy_metaint=digits, icy_name=f"&#{digits};"
    )
    open_network_input(server.url + "/digits").close()


def test_a_redirect_with_an_endless_body_is_followed(server: WebServer, mp3: bytes) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/audio")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 1000)

    server.answers["/endless"] = endless
    open_network_input(server.url + "/endless").close()


def test_an_invalid_sample_rate_is_refused(server: WebServer) -> None:
    wav = bytearray(encode(np.zeros(8000, np.float32), 8000, codec="pcm_s16le", form="wav"))
    wav[24:28] = (2_000_000_000).to_bytes(4, "little")
    server.answers["/fast"] = lambda handler: send(handler, "audio/wav", bytes(wav))
    with pytest.raises(AudioError, match="/fast: it sends no audio; give the address"):
        StreamInput(server.url + "/fast", ())
