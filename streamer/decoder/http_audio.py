"""Sound over http and https: a server's answer as bytes, with the titles woven into it.

A live stream over HTTP is an answer without end. Shoutcast and icecast weave titles into it: after
every `icy-metaint` bytes of sound comes one byte n and 16 * n bytes such as
``StreamTitle='Artist - Title';``.
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

CHECK = "check the server and the network"
"""What to do where a stream breaks off."""

_HEAD = 1024  # bytes looked at to tell sound from a page or a playlist


class HttpStream:
    """An answer that is read like a file; nothing of it can be read twice.

    Parameters
    ----------
    url
        http or https; user and password in it are sent to its host alone.

    Attributes
    ----------
    url
        Where the redirects led.
    content_type
        As the server says, lower-case, without parameters.
    name
        The station's name, empty where it tells none.
    title
        Of what plays now, empty where it tells none.
    head
        The first bytes of the answer.

    Raises
    ------
    AudioError
        The server cannot be reached, refuses, or answers nothing in time.
    """

    def __init__(self, url: str) -> None:
        self._shown = redact_url(url)
        try:
            self._answer = _opener().open(_request(url), timeout=limits.CONNECT_TIMEOUT_S)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AudioError(f"{self._shown} cannot be heard: {_explain(error)}") from None
        headers = self._answer.headers
        self.url = self._answer.url
        told = headers.get_content_type() if "Content-Type" in headers else ""
        self.content_type = sanitize_text(told)
        self.name = sanitize_text(_text(headers.get("icy-name", ""))[: limits.MAX_HEADER_CHARS])
        self.title = ""
        interval = headers.get("icy-metaint", "")
        self._interval = int(interval) if re.fullmatch("[0-9]{1,9}", interval) else 0
        self._until_title = self._interval
        self.head = b""
        self._unread = b""
        self._patience = limits.CONNECT_TIMEOUT_S
        self._since = time.monotonic()
        try:
            while len(self.head) < _HEAD and (data := self.read(_HEAD)):
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
        """Return what has arrived, at most `size` bytes; wait for the first of them.

        Returns
        -------
        bytes
            Empty at the answer's end.

        Raises
        ------
        AudioError
            Nothing, or too little, came for too long, or the connection was lost.
        """
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
            return data
        if self._interval and not self._until_title:
            self._read_title()
        data = self._receive(min(size, self._until_title) if self._interval else size)
        self._until_title -= len(data)
        return data

    def heard(self) -> None:
        """Say that what was read has become sound; the next has as long again."""
        self._patience = limits.AUDIO_TIMEOUT_S
        self._since = time.monotonic()

    def close(self) -> None:
        """Hang up; more than once is fine."""
        self._answer.close()

    def _receive(self, size: int) -> bytes:
        if time.monotonic() - self._since > self._patience:
            raise self._stalled(self._patience)
        try:
            data: bytes = self._answer.read1(size)
        except TimeoutError:
            raise self._stalled(limits.READ_TIMEOUT_S) from None
        except (OSError, http.client.HTTPException, ValueError):
            raise AudioError(f"{self._shown} is lost: the connection broke off; {CHECK}") from None
        return data

    def _stalled(self, seconds: float) -> AudioError:
        return AudioError(f"{self._shown} is lost: no sound for {seconds:g} s; {CHECK}")

    def _read_title(self) -> None:
        missing = 16 * (self._receive(1) or b"\0")[0]
        text = b""
        while missing and (data := self._receive(missing)):
            text += data
            missing -= len(data)
        self._until_title = self._interval
        if found := re.search(rb"StreamTitle='(.*?)';", text, re.DOTALL):
            self.title = sanitize_text(_text(found[1]))


def sanitize_text(text: str) -> str:
    """Return what a server says as one printable line, cut at `limits.MAX_TITLE_CHARS`."""
    # icecast writes what its mount's character set lacks as &#8211;
    printable = "".join(c if c.isprintable() else " " for c in html.unescape(text))
    return " ".join(printable.split())[: limits.MAX_TITLE_CHARS]


def _text(raw: bytes | str) -> str:
    """Decode UTF-8, or Latin-1 where it is none; headers come as Latin-1 whatever they were."""
    data = raw.encode("latin-1", "replace") if isinstance(raw, str) else raw
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _request(url: str) -> urllib.request.Request:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(  # noqa: S310 - the opener knows no other schemes
        urlunsplit(parts._replace(netloc=host, fragment="")),
        headers={"User-Agent": "streamer", "Accept": "*/*", "Icy-MetaData": "1"},
    )
    if user:
        token = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _opener() -> urllib.request.OpenerDirector:
    """Return one that knows http, https, a proxy of the environment, and nothing else."""
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
    """An answer that may begin with shoutcast's "ICY 200 OK", and whose sound must not stall."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._answers = 0  # "100 Continue" among them

    def begin(self) -> None:
        over = threading.Event()
        limit = threading.Timer(limits.CONNECT_TIMEOUT_S, self._hang_up, (over,))
        limit.start()
        try:
            super().begin()
        except (http.client.HTTPException, OSError):
            if not over.is_set():
                raise
        finally:
            limit.cancel()
        if over.is_set():  # the head only trickled
            raise TimeoutError
        self._sock.settimeout(limits.READ_TIMEOUT_S)

    def _hang_up(self, over: threading.Event) -> None:
        over.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _read_and_discard_trailer(self) -> None:
        """Leave unread what follows the last chunk; it may have no end."""

    def _read_status(self) -> tuple[str, int, str]:
        self._answers += 1
        if self._answers > limits.MAX_INTERIM_RESPONSES:
            raise http.client.HTTPException("no end of answers")
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
        fp.close()  # urllib would read it to its end, which may never come
        if request is not None:
            request.remove_header("Proxy-authorization")  # it is added again where it is wanted
        return request


_STATUS = {
    401: "it wants a user and password (401); write http://USER:PASSWORD@HOST/...",
    403: "it forbids us to listen (403); ask its operator, or give another address",
    404: "there is no such stream (404); correct the path",
    410: "there is no such stream any more (410); give another address",
    429: "it is asked too often (429); it is tried again later",
}


def _explain(error: Exception) -> str:
    """Return in a few words why a stream is not to be had, and what to do."""
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
        return "it speaks no TLS that we do; use http:// if that is what it offers"
    if isinstance(reason, TimeoutError):
        return "it does not answer; check that the server runs and that sound is sent to it"
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens there; start the server, or correct host and port"
    if isinstance(reason, ConnectionError | http.client.IncompleteRead):
        return "it closed the connection; check the server"
    if isinstance(reason, http.client.HTTPException | ValueError):
        return "its answer is no HTTP; correct host and port"
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"{str(words).splitlines()[0].lower()}; check the network and the address"


def _explain_status(error: urllib.error.HTTPError) -> str:
    if error.code in _STATUS:
        return _STATUS[error.code]
    if 300 <= error.code < 400:
        place = error.headers.get("Location", "")
        if urlsplit(place).scheme not in ("", "http", "https"):
            return (
                f"it redirects to {sanitize_text(redact_url(place))}, which is no web address; "
                "give the stream's own address"
            )
        return (
            f"it redirects more than {limits.MAX_REDIRECTS} times, or in a circle; "
            "give the address where the stream is"
        )
    if error.code >= 500:
        return f"the server has a trouble of its own ({error.code}); look there, or try later"
    return f"it refuses with HTTP status {error.code}; check the address"
