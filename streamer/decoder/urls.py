"""Which URLs may be opened, with which limits, and how to show one without its secrets.

`streamer.decoder.http_audio` connects to plain http and https; FFmpeg to HLS, RTSP, RTP and UDP. It
may use the protocols and formats listed here and no others, whatever a playlist or server names.
"""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from streamer import limits
from streamer.errors import UsageError

FORMATS = "aac,ac3,asf,caf,flac,hls,loas,matroska,mov,mp3,mpegts,ogg,rtp,rtsp,sdp,wav"
"""Container formats that FFmpeg may detect."""


@dataclass(frozen=True)
class Scheme:
    """Limits and options for URLs of one kind.

    Attributes
    ----------
    protocols
        FFmpeg's protocols, comma-separated; empty where FFmpeg only gets bytes. None of them reads
        local files.
    prebuffer
        Audio to buffer before playback starts, in seconds.
    read_timeout
        Longest time without audio before the stream is lost, in seconds.
    options
        Further options for FFmpeg, as pairs.
    """

    protocols: str
    prebuffer: float
    read_timeout: float = limits.READ_TIMEOUT_S
    options: tuple[tuple[str, str], ...] = ()


_WEB_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto"
_DATAGRAM_OPTIONS = (
    ("analyzeduration", "200000"),
    ("probesize", "65536"),
    ("overrun_nonfatal", "1"),
)

SCHEMES = {
    "http": Scheme("", 0.4),
    "https": Scheme("", 0.4),
    "rtsp": Scheme("rtsp,rtp,udp,tcp", 0.2, options=(("rtsp_flags", "prefer_tcp"),)),
    "rtsps": Scheme("rtsps,rtsp,tls,tcp", 0.2, options=(("rtsp_flags", "prefer_tcp"),)),
    "rtp": Scheme("rtp,udp", 0.15, options=_DATAGRAM_OPTIONS),
    "udp": Scheme("udp", 0.15, options=_DATAGRAM_OPTIONS),
}
"""Limits by scheme, for every scheme that a user may give."""

HLS = Scheme(
    _WEB_PROTOCOLS,
    0.4,
    read_timeout=limits.HLS_READ_TIMEOUT_S,
    options=(("probesize", "65536"),),
)
"""HTTP Live Streaming: a playlist over http or https names segments of a few seconds each."""


def is_url(name: str) -> bool:
    """Return whether a name is a URL rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def check_url(url: str) -> SplitResult:
    """Validate a URL and split it into its parts, before anything is opened.

    Raises
    ------
    UsageError
        The scheme is not supported, or the host or port is missing or invalid.
    """
    shown = redact_url(url)
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise UsageError(
            f"cannot open {shown}: it holds a space or a control character; "
            "write it as %20 and so on"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(
            f"cannot open {shown}: its host or port is invalid; give scheme://host:port/path"
        ) from None
    if parts.scheme == "file":
        raise UsageError(f"cannot open {shown}: give the path of a file, without file://")
    if parts.scheme not in SCHEMES:
        raise UsageError(
            f"cannot open {shown}: {parts.scheme} streams are not supported; "
            f"give a URL that begins with {', '.join(SCHEMES)}"
        )
    if not host:
        raise UsageError(f"cannot open {shown}: it names no host; give {parts.scheme}://host/...")
    if parts.scheme in ("rtp", "udp") and not port:
        raise UsageError(
            f"cannot open {shown}: it names no port; give {parts.scheme}://{host}:PORT"
        )
    return parts


def redact_url(url: str) -> str:
    """Return a URL for messages: without user, password and query, which may hold secrets."""
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    follows = rest[len(authority) :][:1]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif follows in ("?", "#") or not re.fullmatch(r"[^:]*(:\d*)?|\[.*", authority):
        rest = rest.rpartition("@")[2]  # a password may hold these characters, or a slash
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    return f"{scheme}://" + re.sub(r"[\x00-\x1f\x7f]", "?", rest)


def ffmpeg_options(scheme: Scheme) -> dict[str, str]:
    """Return FFmpeg's options for URLs of one kind."""
    trusted = ssl.get_default_verify_paths()
    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": scheme.protocols or "none",
        "max_redirects": str(limits.MAX_REDIRECTS),
        "max_streams": str(limits.MAX_CONTAINER_STREAMS),
        "probesize": "8192",
        "formatprobesize": "65536",  # 8 KiB do not identify 2 % of MP3 streams
        "analyzeduration": "0",
        "user_agent": "streamer",
        "tls_verify": "1",
        **dict(scheme.options),
    }
    if trusted.cafile:
        options["ca_file"] = trusted.cafile
    return options
