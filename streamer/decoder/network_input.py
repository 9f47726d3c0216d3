"""Opening a network stream: over HTTP through our own door, all else through FFmpeg's."""

import errno
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import av
from av.error import ExitError, FFmpegError

from streamer import limits
from streamer.decoder.http_audio import HttpStream
from streamer.decoder.urls import HLS, SCHEMES, Scheme, check_url, ffmpeg_options, redact_url
from streamer.errors import AudioError


@dataclass(frozen=True)
class NetworkInput:
    """A network stream that is open.

    Attributes
    ----------
    container, stream
        To be read, and closed, by one thread.
    scheme
        The limits it was opened with.
    name
        The station's own, empty where it tells none.
    web
        The answer underneath, for its titles; None where FFmpeg itself speaks to the server.
    """

    container: av.container.InputContainer
    stream: av.AudioStream
    scheme: Scheme
    name: str = ""
    web: HttpStream | None = None

    @property
    def title(self) -> str:
        """Of what is received now, empty where it is not told."""
        return self.web.title if self.web is not None else ""

    def heard(self) -> None:
        """Say that what was received has become sound."""
        if self.web is not None:
            self.web.heard()

    def close(self) -> None:
        """Close what is open."""
        self.container.close()
        if self.web is not None:
            self.web.close()


def open_network_input(url: str) -> NetworkInput:
    """Open a network stream, within the limits of `streamer.decoder.urls`.

    Raises
    ------
    UsageError
        It is no URL that can be meant.
    AudioError
        It cannot be opened; the message says why and what to do.
    """
    parts = check_url(url)
    if parts.scheme not in ("http", "https"):
        _resolve(parts.hostname or "", url)
        return _open(url, url, SCHEMES[parts.scheme])
    web = HttpStream(url)
    try:
        if b"#EXT-X-" in web.head and web.head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U"):
            web.close()
            return _open(url, _with_user(web.url, url), HLS)
        _refuse_pages(web, url)
        return _open(url, web, SCHEMES[parts.scheme])
    except BaseException:
        web.close()
        raise


def _open(url: str, what: str | HttpStream, scheme: Scheme) -> NetworkInput:
    web = what if isinstance(what, HttpStream) else None
    try:
        container = av.open(
            what,
            mode="r",
            options=ffmpeg_options(scheme),
            metadata_errors="replace",
            timeout=(limits.CONNECT_TIMEOUT_S, scheme.read_timeout),
        )
    except MemoryError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"{redact_url(url)} cannot be heard: {_explain(error, scheme)}") from None
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        container.close()
        raise AudioError(
            f"{redact_url(url)} carries no sound that can be decoded; "
            "give the address of another one"
        )
    stream.codec_context.thread_count = 1
    return NetworkInput(container, stream, scheme, web.name if web else "", web)


def _resolve(host: str, url: str) -> None:
    """Say what FFmpeg cannot: that nobody knows the host."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, ValueError):
        raise AudioError(
            f"{redact_url(url)} cannot be heard: unknown host; "
            "correct the address, or check the name server"
        ) from None


def _with_user(url: str, origin: str) -> str:
    """Give user and password back to a URL on the host that they were meant for, if as secret."""
    here, there = urlsplit(url), urlsplit(origin)
    user, at, host = there.netloc.rpartition("@")
    same = here.netloc == host and here.scheme in (there.scheme, "https")
    return here._replace(netloc=f"{user}{at}{host}").geturl() if same else url


def _refuse_pages(web: HttpStream, url: str) -> None:
    """Refuse what is surely no sound and may be taken for some."""
    head = web.head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        raise AudioError(
            f"{redact_url(url)} cannot be heard: it sends nothing; check that sound is sent to it"
        )
    if head.startswith((b"#extm3u", b"[playlist]")) or re.match(rb"https?://", head):
        found = re.search(r"https?://\S+", web.head.decode("latin-1"))
        named = redact_url(found[0]) if found else "the one in it"
        raise AudioError(
            f"{redact_url(url)} is a playlist, no sound; give the address that it names: {named}"
        )
    text = web.content_type.startswith("text/") or web.content_type == "application/json"
    if text or head.startswith((b"<!doctype", b"<html", b"<?xml")):
        kind = web.content_type or "text/html"
        raise AudioError(
            f"{redact_url(url)} cannot be heard: it sends {kind}, no sound; "
            "give the address of the stream itself, not of its web page"
        )


def _explain(error: Exception, scheme: Scheme) -> str:
    """Return in a few words why FFmpeg cannot open a stream, and what to do."""
    code = getattr(error, "errno", None)
    for matches, words in _CAUSES:
        if matches(error, code):
            return words
    if scheme is HLS:
        return (
            "its playlist leads to nothing that can be played: what it names is missing, "
            "or is no http or https address (no other is followed, local files least of all); "
            "check the playlist"
        )
    return "what it sends is no sound that can be decoded; give the address of a sound stream"


_CAUSES: tuple[tuple[Callable[[Exception, int | None], bool], str], ...] = (
    (
        lambda error, _: isinstance(error, ExitError | TimeoutError),
        "nothing arrives; check that sound is sent there, and the firewall between",
    ),
    (
        lambda error, _: isinstance(error, ConnectionRefusedError),
        "nothing listens there; start the server, or correct host and port",
    ),
    (
        lambda _, code: code == errno.EADDRINUSE,
        "another program listens on that port already; end it, or use another port",
    ),
    (
        lambda _, code: code == errno.EADDRNOTAVAIL,
        "this machine has no such address; give one of its own, or 0.0.0.0",
    ),
    (
        lambda error, _: isinstance(error, av.error.HTTPUnauthorizedError),
        "it wants a user and password; write rtsp://USER:PASSWORD@HOST/...",
    ),
    (
        lambda error, _: isinstance(error, av.error.HTTPNotFoundError),
        "there is no such stream (404); correct the path",
    ),
    (
        lambda error, _: isinstance(error, av.error.HTTPError),
        "the server refuses; check the address, and the server",
    ),
    (
        lambda error, _: isinstance(error, ConnectionError),
        "it closed the connection; check the server",
    ),
)


def explain_read_error(error: Exception, scheme: Scheme) -> str:
    """Return in a few words why an open stream broke off."""
    if isinstance(error, ExitError | TimeoutError):
        return f"no sound for {scheme.read_timeout:g} s"
    if isinstance(error, ConnectionError):
        return "the server closed the connection"
    return "the connection broke off"
