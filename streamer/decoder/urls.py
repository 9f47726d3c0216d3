"""Which URLs may be opened, with which limits, and how one is shown.

Plain HTTP is spoken by `streamer.decoder.http_audio`; HLS, RTSP, RTP and UDP by FFmpeg, which may
use the protocols and formats named here and no others, whatever a playlist or an answer names.
"""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from streamer import limits
from streamer.errors import UsageError

FORMATS = "aac,ac3,asf,caf,flac,hls,loas,matroska,mov,mp3,mpegts,ogg,rtp,rtsp,sdp,wav"
"""Containers FFmpeg may look for."""


@dataclass(frozen=True)
class Scheme:
    """What a URL of one kind may do.

    Attributes
    ----------
    protocols
        FFmpeg's, comma-separated; none where it gets bytes only. Never one that reads local files.
    prebuffer
        Seconds of sound that are awaited before the first is played.
    read_timeout
        Seconds without sound after which the stream is lost.
    options
        Further options for FFmpeg, as pairs.
    """

    protocols: str
    prebuffer: float
    read_timeout: float = limits.READ_TIMEOUT_S
    options: tuple[tuple[str, str], ...] = ()


_BROWSING = "http,https,httpproxy,tcp,tls,crypto"
_DATAGRAMS = (("analyzeduration", "200000"), ("probesize", "65536"), ("overrun_nonfatal", "1"))

SCHEMES = {
    "http": Scheme("", 0.4),
    "https": Scheme("", 0.4),
    "rtsp": Scheme("rtsp,rtp,udp,tcp", 0.2, options=(("rtsp_flags", "prefer_tcp"),)),
    "rtsps": Scheme("rtsps,rtsp,tls,tcp", 0.2, options=(("rtsp_flags", "prefer_tcp"),)),
    "rtp": Scheme("rtp,udp", 0.15, options=_DATAGRAMS),
    "udp": Scheme("udp", 0.15, options=_DATAGRAMS),
}
"""Every scheme that may be given."""

HLS = Scheme(
    _BROWSING,
    0.4,
    read_timeout=limits.HLS_READ_TIMEOUT_S,
    options=(("probesize", "65536"),),
)
"""A playlist over http or https: a segment comes every few seconds, all at once."""


def is_url(name: str) -> bool:
    """Return whether a name is a URL rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def check_url(url: str) -> SplitResult:
    """Take a URL apart before anything is opened.

    Raises
    ------
    UsageError
        Its scheme is none of those allowed, or it names no host or port.
    """
    shown = redact_url(url)
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise UsageError(f"{shown} holds a space or a control character; write it as %20 and so on")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(
            f"{shown} is no URL: its host or port is not one; give scheme://host:port/path"
        ) from None
    if parts.scheme == "file":
        raise UsageError(f"{shown}: a file is given by its path, without file://")
    if parts.scheme not in SCHEMES:
        raise UsageError(
            f"{shown}: {parts.scheme} streams cannot be heard; "
            f"give a URL that begins with {', '.join(SCHEMES)}"
        )
    if not host:
        raise UsageError(f"{shown} names no host; give {parts.scheme}://host/...")
    if parts.scheme in ("rtp", "udp") and not port:
        raise UsageError(f"{shown} names no port; give {parts.scheme}://{host}:PORT")
    return parts


def redact_url(url: str) -> str:
    """Return a URL as it may be shown: without user, password and query, which may hold secrets."""
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    follows = rest[len(authority) :][:1]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif follows in ("?", "#") or not re.fullmatch(r"[^:]*(:\d*)?|\[.*", authority):
        rest = rest.rpartition("@")[2]  # such a character, or a slash, may stand within a password
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    return f"{scheme}://" + re.sub(r"[\x00-\x1f\x7f]", "?", rest)


def ffmpeg_options(scheme: Scheme) -> dict[str, str]:
    """Return FFmpeg's options for a kind of URL."""
    trusted = ssl.get_default_verify_paths()
    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": scheme.protocols or "none",
        "max_redirects": str(limits.MAX_REDIRECTS),
        "max_streams": str(limits.MAX_CONTAINER_STREAMS),
        "probesize": "8192",
        "formatprobesize": "65536",  # 2 % of MP3 streams are not told from their first 8 KiB
        "analyzeduration": "0",
        "user_agent": "streamer",
        "tls_verify": "1",
        **dict(scheme.options),
    }
    if trusted.cafile:
        options["ca_file"] = trusted.cafile
    return options
