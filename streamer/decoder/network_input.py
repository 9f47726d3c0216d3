"""Open a network stream: http and https with our own client, other schemes with FFmpeg's."""

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
    """Open network stream, to be read and closed by one thread.

    Attributes
    ----------
    container, stream
        FFmpeg's container and its best audio stream.
    scheme
        Limits that it was opened with.
    http
        HTTP response that FFmpeg reads; None where FFmpeg connects to the server itself.
    """

    container: av.container.InputContainer
    stream: av.AudioStream
    scheme: Scheme
    http: HttpStream | None = None

    @property
    def name(self) -> str:
        """Name of the station; empty if unknown."""
        return self.http.name if self.http is not None else ""

    @property
    def title(self) -> str:
        """Title that is received now; empty if unknown."""
        return self.http.title if self.http is not None else ""

    def restart_timeout(self) -> None:
        """Report that what was received has been decoded to audio."""
        if self.http is not None:
            self.http.restart_timeout()

    def close(self) -> None:
        """Close the container and the connection."""
        self.container.close()
        if self.http is not None:
            self.http.close()


def open_network_input(url: str) -> NetworkInput:
    """Open a network stream, within the limits of `streamer.decoder.urls`.

    Raises
    ------
    UsageError
        The URL is invalid.
    AudioError
        The stream cannot be opened, or is not audio.
    """
    parts = check_url(url)
    if parts.scheme not in ("http", "https"):
        _resolve(parts.hostname or "", url)
        return _open(url, url, SCHEMES[parts.scheme])
    http = HttpStream(url)
    try:
        if b"#EXT-X-" in http.head and http.head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U"):
            http.close()
            return _open(url, _with_user(http.url, url), HLS)
        _refuse_pages(http, url)
        return _open(url, http, SCHEMES[parts.scheme])
    except BaseException:
        http.close()
        raise


def _open(url: str, source: str | HttpStream, scheme: Scheme) -> NetworkInput:
    try:
        container = av.open(
            source,
            mode="r",
            options=ffmpeg_options(scheme),
            metadata_errors="replace",
            timeout=(limits.CONNECT_TIMEOUT_S, scheme.read_timeout),
        )
    except MemoryError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        cause = _explain_open_error(error, scheme)
        raise AudioError(f"cannot open {redact_url(url)}: {cause}") from None
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        container.close()
        raise AudioError(
            f"cannot open {redact_url(url)}: it carries no audio; give the address of another one"
        )
    stream.codec_context.thread_count = 1
    http = source if isinstance(source, HttpStream) else None
    return NetworkInput(container, stream, scheme, http)


def _resolve(host: str, url: str) -> None:
    """Raise for an unknown host; FFmpeg reports it like any other failure."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, ValueError):
        raise AudioError(
            f"cannot open {redact_url(url)}: unknown host; "
            "correct the address, or check the name server"
        ) from None


def _with_user(url: str, origin: str) -> str:
    """Add the user and password of `origin` to a URL on the same host that is no less secure."""
    here, there = urlsplit(url), urlsplit(origin)
    user, at, host = there.netloc.rpartition("@")
    same = here.netloc == host and here.scheme in (there.scheme, "https")
    return here._replace(netloc=f"{user}{at}{host}").geturl() if same else url


def _refuse_pages(http: HttpStream, url: str) -> None:
    """Raise for an empty body, a web page, and a playlist of another address."""
    head = http.head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    cause = ""
    if not head:
        cause = "it sends nothing; check that audio is sent to it"
    elif head.startswith((b"#extm3u", b"[playlist]")) or re.match(rb"https?://", head):
        found = re.search(r"https?://\S+", http.head.decode("latin-1"))
        target = redact_url(found[0]) if found else "the one in it"
        cause = f"it is a playlist, not audio; give the address that it names: {target}"
    elif (
        http.content_type.startswith("text/")
        or http.content_type == "application/json"
        or head.startswith((b"<!doctype", b"<html", b"<?xml"))
    ):
        cause = (
            f"it sends {http.content_type or 'text/html'}, not audio; "
            "give the address of the stream itself, not of its web page"
        )
    if cause:
        raise AudioError(f"cannot open {redact_url(url)}: {cause}")


def _explain_open_error(error: Exception, scheme: Scheme) -> str:
    """Return why FFmpeg cannot open a stream, and the remedy."""
    code = getattr(error, "errno", None)
    for matches, cause in _CAUSES:
        if matches(error, code):
            return cause
    if scheme is HLS:
        return (
            "its playlist leads to nothing that can be played: what it names is missing, "
            "or is not an http or https address (others are not followed, local files least of "
            "all); check the playlist"
        )
    return "it sends no audio; give the address of an audio stream"


_CAUSES: tuple[tuple[Callable[[Exception, int | None], bool], str], ...] = (
    (
        lambda error, _: isinstance(error, ExitError | TimeoutError),
        "nothing arrives; check that audio is sent there, and the firewall between",
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
    """Return why an open stream broke off."""
    if isinstance(error, ExitError | TimeoutError):
        return f"no audio for {scheme.read_timeout:g} s"
    if isinstance(error, ConnectionError):
        return "the server closed the connection"
    return "the connection broke off"
