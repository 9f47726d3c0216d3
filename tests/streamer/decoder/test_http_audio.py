"""HTTP requests for audio: credentials and titles."""

import io
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer import limits
from streamer.decoder.http_audio import HttpStream, sanitize_text
from tests.support.icecast import WebServer, send


def test_credentials_are_sent_to_their_host_only(server: WebServer, mp3: bytes) -> None:
    with WebServer({"/x": lambda handler: send(handler, "audio/mpeg", mp3)}) as other:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", other.url + "/x")
            handler.end_headers()

        server.answers["/away"] = redirect
        HttpStream(server.url.replace("//", "//m%40e:a%3Ab@") + "/away").close()
        assert server.requests[-1][1]["Authorization"] == "Basic bUBlOmE6Yg=="
        assert "Authorization" not in other.requests[-1][1]


class TestTitles:
    @staticmethod
    def with_titles(audio: bytes, interval: int, *titles: bytes) -> bytes:
        """Insert metadata blocks as an Icecast server does."""
        out = io.BytesIO()
        for number, at in enumerate(range(0, len(audio), interval)):
            out.write(audio[at : at + interval])
            if at + interval > len(audio):
                break
            title = titles[number] if number < len(titles) else b""
            text = b"StreamTitle='" + title + b"';StreamUrl='';" if title else b""
            blocks = -(-len(text) // 16)
            out.write(bytes([blocks]) + text.ljust(16 * blocks, b"\0"))
        return out.getvalue()

    @pytest.mark.parametrize("interval", [1, 100, 1000, 8000])
    def test_titles_are_removed_from_the_audio(
        self, server: WebServer, mp3: bytes, interval: int
    ) -> None:
        data = self.with_titles(mp3, interval, b"One", b"", b"It's Two; really")
        server.answers["/icy"] = lambda handler: send(
            handler, "audio/mpeg", data, icy_metaint=str(interval), icy_name="Radio"
        )
        with HttpStream(server.url + "/icy") as stream:
            received = b"".join(iter(lambda: stream.read(4096), b""))
            assert received == mp3
            assert (stream.title, stream.name) == ("It's Two; really", "Radio")
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
        data = self.with_titles(mp3, 2000, raw)
        server.answers["/icy"] = lambda h: send(h, "audio/mpeg", data, icy_metaint="2000")
        with HttpStream(server.url + "/icy") as stream:
            while stream.read(4096):
                pass
            assert stream.title == title

    @given(st.text())
    def test_any_text_becomes_one_printable_line(self, text: str) -> None:
        assert sanitize_text(text).isprintable()
        assert len(sanitize_text(text)) <= limits.MAX_TITLE_CHARS
