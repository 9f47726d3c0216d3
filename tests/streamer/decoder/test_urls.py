"""Which URLs may be opened, and what error messages show of them."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decoder.network_input import open_network_input
from streamer.decoder.urls import FORMATS, HLS, SCHEMES, check_url, redact_url
from streamer.errors import UsageError


def test_no_scheme_and_no_format_reads_local_files() -> None:
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
def test_an_invalid_url_is_refused_before_a_connection_is_opened(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_network_input(url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["HTTP://host/live", "https://[::1]:8443/x?y=1", "rtsp://me:word@cam/1", "udp://@239.1.1.1:99"],
)
def test_a_valid_url_passes(url: str) -> None:
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
def test_redaction_removes_credentials_and_query(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="/@")), st.text())
def test_a_password_is_never_shown(password: str, path: str) -> None:
    assert redact_url(f"http://me:{password}XYZZY@host/{path.replace('@', '')}").count("XYZZY") == 0
