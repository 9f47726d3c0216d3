"""Client of the decoder process; validates its messages, as untrusted input may control it."""

import math
import struct
import subprocess
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from streamer import limits
from streamer.child.framing import MessageError
from streamer.child.supervisor import ChildProcess, ChildStartError
from streamer.decoder.messages import PcmFrame, parse_frame
from streamer.errors import AudioError, UsageError

_WORKER = Path(__file__).parents[1] / "decoder" / "worker.py"
_INVALID = "it sent an invalid message"
_PARSE_ERRORS = (
    MessageError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    RecursionError, struct.error,
)  # fmt: skip


class SourceInfo(NamedTuple):
    """Description of a file or stream that a decoder has opened.

    Attributes
    ----------
    rate
        Sample rate of the first frame, in Hz.
    channels
        Channels of the first frame.
    codec
        FFmpeg's name of the codec.
    duration
        Duration that a file declares, in seconds; None if it declares none.
    name
        Name of a station; empty if unknown.
    prebuffer
        Audio of a stream to buffer before playback starts, in seconds.
    """

    rate: int
    channels: int
    codec: str
    duration: float | None
    name: str
    prebuffer: float


class DecoderProcessError(AudioError):
    """The decoder process crashed, hangs, or sent an invalid message.

    Attributes
    ----------
    reason
        How it ended, such as `SIGSEGV`.
    timed_out
        Whether it was killed because it sent nothing in time.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(f"the decoder process failed ({reason})")
        self.reason = reason
        self.timed_out = timed_out


class Decoder:
    """A child process that decodes one source after the other.

    It starts with the first `open`, and again where it has ended or the source before was not read
    to its end. Use it as a context manager, or `close` it. One thread at a time may open and read;
    any thread may close.

    Attributes
    ----------
    title
        Title of a stream that plays now; empty if unknown.
    corrupt_packets
        Packets of this source that could not be decoded so far.
    decoded_packets
        Packets of this source that gave audio; 0 before its end.
    """

    def __init__(self) -> None:
        self.title = ""
        self.corrupt_packets = 0
        self.decoded_packets = 0
        self._stop: threading.Event | None = None
        self._child: ChildProcess | None = None
        self._close_child: weakref.finalize[..., Decoder] | None = None
        self._busy = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process; None before `open` and after `close`."""
        return self._child.process if self._child is not None else None

    def stop_on(self, stop: threading.Event) -> None:
        """Kill the process as soon as `stop` is set, even while a read waits."""
        self._stop = stop
        if self._child is not None:
            self._child.stop = stop

    def open(self, source: dict[str, str], timeout: float) -> SourceInfo:
        """Open a file or a stream.

        Parameters
        ----------
        source
            `path` of a file, or `url` of a stream.
        timeout
            Longest time that opening may take, in seconds.

        Raises
        ------
        UsageError, AudioError
            It cannot be opened; the message is complete.
        DecoderProcessError
            The process crashed or hangs.
        """
        child = self._child
        if child is None or self._busy or child.process.poll() is not None:
            child = self._start()
        self.title, self.corrupt_packets, self.decoded_packets = "", 0, 0
        self._busy = True
        child.send(source)
        message = self._receive(timeout)
        try:
            return _parse_source_info(message["opened"])  # type: ignore[call-overload]
        except _PARSE_ERRORS:
            raise self._failure(_INVALID) from None

    def frames(self) -> Iterator[PcmFrame | float]:
        """Yield frames, or the seconds lost to a damaged packet, to the end of the source.

        Raises
        ------
        AudioError
            The stream is lost; the message is complete.
        DecoderProcessError
            The process crashed or hangs.
        """
        while self._busy:
            message = self._receive(limits.DECODER_TIMEOUT_S)
            try:
                if isinstance(message, bytes):
                    yield parse_frame(message)
                    continue
                match message:
                    case {"lost": int() | float() as seconds}:
                        if not 0 <= seconds <= limits.MAX_PACKET_DURATION_S:
                            raise ValueError("lost")
                        self.corrupt_packets += 1
                        yield seconds
                    case {"title": str() as title}:
                        self.title = _printable(title, limits.MAX_TITLE_CHARS)
                    case {"end": {"corrupt": corrupt, "decoded": decoded}}:
                        self.corrupt_packets, self.decoded_packets = int(corrupt), int(decoded)
                        self._busy = False
                    case _:
                        raise ValueError("unknown message")
            except _PARSE_ERRORS:
                raise self._failure(_INVALID) from None

    def close(self) -> None:
        """End the process; calling it again does nothing."""
        if self._close_child is not None:
            self._close_child()
        self._child = None
        self._busy = False

    def _start(self) -> ChildProcess:
        self.close()
        bounds = map(str, (limits.DECODER_MEMORY_BYTES, limits.DECODER_OPEN_FILES))
        try:
            child = ChildProcess(str(_WORKER), *bounds, name="decoder", stop=self._stop)
        except ChildStartError as error:
            raise AudioError(str(error)) from None
        self._child, self._close_child = child, weakref.finalize(self, child.close)
        return child

    def _receive(self, timeout: float) -> dict[str, Any] | bytes:
        """Return the next message; raise the error that it reports."""
        child = self._child
        try:
            message = child.receive(timeout) if child is not None else None
        except MessageError:
            raise self._failure(_INVALID) from None
        if message is None:
            raise self._failure()
        if isinstance(message, bytes) or "error" not in message:
            return message
        self._busy = False
        try:
            error = message["error"]
            text = _printable(error["text"], limits.MAX_TEXT_MESSAGE_BYTES)
            kind = UsageError if error["usage"] else AudioError
        except _PARSE_ERRORS:
            raise self._failure(_INVALID) from None
        raise kind(text)

    def _failure(self, reason: str = "") -> DecoderProcessError:
        """Close the process, and return the error for how it ended."""
        child = self._child
        self.close()
        if reason or child is None:
            return DecoderProcessError(reason or "closed")
        return DecoderProcessError(child.exit_reason, timed_out=child.timed_out)


def _parse_source_info(fields: Any) -> SourceInfo:
    """Validate the message about an opened source; raise one of `_PARSE_ERRORS`."""
    rate, channels, duration = int(fields["rate"]), int(fields["channels"]), fields["duration"]
    prebuffer = float(fields["prebuffer"])
    if (
        rate not in limits.SAMPLE_RATES
        or not 0 < channels <= limits.MAX_CHANNELS
        or not 0 <= prebuffer <= limits.PLAYOUT_BUFFER_S
    ):
        raise ValueError("out of range")
    known = duration is not None and math.isfinite(duration) and duration > 0
    return SourceInfo(
        rate=rate,
        channels=channels,
        codec=_printable(fields["codec"], 100),
        duration=float(duration) if known else None,
        name=_printable(fields["name"], limits.MAX_TITLE_CHARS),
        prebuffer=prebuffer,
    )


def _printable(text: str, max_chars: int) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:max_chars])
