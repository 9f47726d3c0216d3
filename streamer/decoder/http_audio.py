"""HTTP client for live audio that bounds hostile servers: headers, redirects, time and titles.

FFmpeg sees only the body. Limits on a response:

- The whole head arrives within `limits.CONNECT_TIMEOUT_S`, however slowly it trickles. At most 100
  headers of 64 KiB each (`http.client`), and `limits.MAX_INTERIM_RESPONSES` before the final one.
- At most `limits.MAX_REDIRECTS` redirects, to http and https only. A password goes to no other
  host.
- A read waits `limits.READ_TIMEOUT_S` for a byte. The bytes become audio within
  `limits.AUDIO_TIMEOUT_S`, which `restart_timeout` confirms.
- Header values and titles are cut, and reduced to printable text.

Shoutcast and Icecast interleave titles with the audio: after every `icy-metaint` bytes comes one
byte n, then 16 * n bytes such as ``StreamTitle='Artist - Title';``.
"""

import base64
import contextlib
import html
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from email.message import Message
from typing import IO, Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from streamer import limits
from streamer.decoder.urls import redact_url
from streamer.errors import AudioError

CHECK_NETWORK = "check the server and the network"
"""Remedy when an open stream breaks off."""

_HEAD_BYTES = 1024  # enough to recognise a web page or a playlist


class HttpStream:
    """Response body that is read like a file, once, without the titles in it.

    Parameters
    ----------
    url
        http or https. A user and password in it are sent to its host only.

    Attributes
    ----------
    url
        URL after all redirects.
    content_type
        Content type in lower case, without parameters; empty if the server sends none.
    name
        Name of the station; empty if the server sends none.
    title
        Title that plays now; empty if the server sends none.
    head
        First bytes of the body; they are read again by `read`.

    Raises
    ------
    AudioError
        The server cannot be reached, refuses, or does not respond in time.
    """

    def __init__(self, url: str) -> None:
        self._failure = f"cannot open {redact_url(url)}"
        self._lost = f"{redact_url(url)} is lost"
        try:
            self._response = _build_opener().open(_request(url), timeout=limits.CONNECT_TIMEOUT_S)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AudioError(f"{self._failure}: {_explain(error)}") from None
        headers = self._response.headers
        self.url = self._response.url
        content_type = headers.get_content_type() if "Content-Type" in headers else ""
        self.content_type = sanitize_text(content_type)
        name = _decode(headers.get("icy-name", ""))[: limits.MAX_STATION_NAME_CHARS]
        self.name = sanitize_text(name)
        self.title = ""
        interval = headers.get("icy-metaint", "")
        self._title_interval = int(interval) if re.fullmatch("[0-9]{1,9}", interval) else 0
        self._bytes_until_title = self._title_interval
        self.head = b""
        self._unread = b""
        self._timeout = limits.CONNECT_TIMEOUT_S
        self._waiting_since = time.monotonic()
        try:
            while len(self.head) < _HEAD_BYTES and (data := self.read(_HEAD_BYTES)):
                self.head += data
        except AudioError:
            if not self.head:
                self.close()
                raise
        self._unread = self.head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, size: int) -> bytes:
        """Return the bytes that have arrived, at most `size`; wait for the first of them.

        Returns
        -------
        bytes
            Empty at the end of the body.

        Raises
        ------
        AudioError
            A timeout passed, or the connection was lost.
        """
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
            return data
        if self._title_interval and not self._bytes_until_title:
            self._read_title()
        data = self._receive(min(size, self._bytes_until_title) if self._title_interval else size)
        self._bytes_until_title -= len(data)
        return data

    def restart_timeout(self) -> None:
        """Restart `limits.AUDIO_TIMEOUT_S`: what was read so far has been decoded to audio."""
        self._failure = self._lost
        self._timeout = limits.AUDIO_TIMEOUT_S
        self._waiting_since = time.monotonic()

    def close(self) -> None:
        """Close the connection; calling it again does nothing."""
        self._response.close()

    def _receive(self, size: int) -> bytes:
        if time.monotonic() - self._waiting_since > self._timeout:
            raise self._timeout_error(self._timeout)
        try:
            data: bytes = self._response.read1(size)
        except TimeoutError:
            raise self._timeout_error(limits.READ_TIMEOUT_S) from None
        except (OSError, http.client.HTTPException, ValueError):
            raise AudioError(
                f"{self._failure}: the connection broke off; {CHECK_NETWORK}"
            ) from None
        return data

    def _timeout_error(self, seconds: float) -> AudioError:
        return AudioError(f"{self._failure}: no audio for {seconds:g} s; {CHECK_NETWORK}")

    def _read_title(self) -> None:
        missing = 16 * (self._receive(1) or b"\0")[0]
        text = b""
        while missing and (data := self._receive(missing)):
            text += data
            missing -= len(data)
        self._bytes_until_title = self._title_interval
        if found := re.search(rb"StreamTitle='(.*?)';", text, re.DOTALL):
            self.title = sanitize_text(_decode(found[1]))


def sanitize_text(text: str) -> str:
    """Reduce text from a server to one printable line of at most `limits.MAX_TITLE_CHARS`."""
    # Icecast writes what its mount's character set lacks as &#8211;
    printable = "".join(c if c.isprintable() else " " for c in html.unescape(text))
    return " ".join(printable.split())[: limits.MAX_TITLE_CHARS]


def _decode(raw: bytes | str) -> str:
    """Decode UTF-8, or else Latin-1; `http.client` has read headers as Latin-1."""
    data = raw.encode("latin-1", "replace") if isinstance(raw, str) else raw
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _request(url: str) -> urllib.request.Request:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(  # noqa: S310 - the opener has http and https only
        urlunsplit(parts._replace(netloc=host, fragment="")),
        headers={"User-Agent": "streamer", "Accept": "*/*", "Icy-MetaData": "1"},
    )
    if user:
        token = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _build_opener() -> urllib.request.OpenerDirector:
    """Return an opener for http, https and the proxy of the environment, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _HttpHandler(),
        _HttpsHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _RedirectHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Response(http.client.HTTPResponse):
    """Response that may begin with Shoutcast's "ICY 200 OK"; its head has a deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._status_lines = 0  # of interim responses, too

    def begin(self) -> None:
        expired = threading.Event()
        deadline = threading.Timer(limits.CONNECT_TIMEOUT_S, self._disconnect, (expired,))
        deadline.start()
        try:
            super().begin()
        except (http.client.HTTPException, OSError):
            if not expired.is_set():
                raise
        finally:
            deadline.cancel()
        if expired.is_set():
            raise TimeoutError
        self._sock.settimeout(limits.READ_TIMEOUT_S)

    def _disconnect(self, expired: threading.Event) -> None:
        expired.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _read_and_discard_trailer(self) -> None:
        """Read no trailer after the last chunk: it may be endless."""

    def _read_status(self) -> tuple[str, int, str]:
        self._status_lines += 1
        if self._status_lines > limits.MAX_INTERIM_RESPONSES:
            raise http.client.HTTPException("too many interim responses")
        if self.fp.peek(4)[:4] == b"ICY ":
            words = self.fp.readline(1024).decode("latin-1").split(None, 2)
            if len(words) < 2 or not words[1].isdecimal():
                raise http.client.BadStatusLine("ICY")
            return "HTTP/1.0", int(words[1]), " ".join(words[2:])
        status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        return status


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, request)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(_SecureConnection, request, context=context)


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    max_repeats = limits.MAX_REDIRECTS
    max_redirections = limits.MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        fp.close()  # urllib would read the body to its end, which may never come
        if request is not None:
            request.remove_header("Proxy-authorization")  # `ProxyHandler` adds it where needed
        return request


_STATUS = {
    401: "it wants a user and password (401); write http://USER:PASSWORD@HOST/...",
    403: "it forbids access (403); ask its operator, or give another address",
    404: "there is no such stream (404); correct the path",
    410: "there is no such stream any more (410); give another address",
    429: "it receives too many requests (429); it is tried again later",
}


def _explain(error: Exception) -> str:
    """Return why a stream cannot be opened, and the remedy."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return _explain_status(error)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, socket.gaierror):
        return "unknown host; correct the address, or check the name server"
    if isinstance(reason, ssl.SSLCertVerificationError):
        why = reason.verify_message or "it cannot be verified"
        return (
            f"its certificate is not trusted ({why}); correct the host name, or set SSL_CERT_FILE "
            "to the certificate of its authority"
        )
    if isinstance(reason, ssl.SSLError):
        return "it offers no TLS that we support; use http:// if that is what it offers"
    if isinstance(reason, TimeoutError):
        return "it does not answer; check that the server runs and that audio is sent to it"
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens there; start the server, or correct host and port"
    if isinstance(reason, ConnectionError | http.client.IncompleteRead):
        return "it closed the connection; check the server"
    if isinstance(reason, http.client.HTTPException | ValueError):
        return "its answer is not HTTP; correct host and port"
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"{str(words).splitlines()[0].lower()}; check the network and the address"


def _explain_status(error: urllib.error.HTTPError) -> str:
    if error.code in _STATUS:
        return _STATUS[error.code]
    if 300 <= error.code < 400:
        target = error.headers.get("Location", "")
        if urlsplit(target).scheme not in ("", "http", "https"):
            return (
                f"it redirects to {sanitize_text(redact_url(target))}, which is not a web address; "
                "give the address of the stream itself"
            )
        return (
            f"it redirects more than {limits.MAX_REDIRECTS} times, or in a circle; "
            "give the address where the stream is"
        )
    if error.code >= 500:
        return f"the server has an internal error ({error.code}); check it, or try later"
    return f"it refuses with HTTP status {error.code}; check the address"
