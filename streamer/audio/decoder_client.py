"""The decoder's process, from our side."""

import contextlib
import json
import math
import signal
import struct
import subprocess
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from streamer import limits
from streamer.child import framing as records
from streamer.child.process import start_helper
from streamer.errors import AudioError, UsageError

_WORKER = Path(__file__).parents[1] / "decoder" / "worker.py"
_BUFFER = 1 << 16
_TICK = 0.1
_LEAVE_SECONDS = 2.0  # for a process that hangs in the system itself; it is reaped whenever it ends
_LIED = "it said what it should not"
_LIES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
    struct.error,
)  # fmt: skip


class SourceInfo(NamedTuple):
    """What a decoder tells of a source that it has opened.

    Attributes
    ----------
    rate, channels
        Of its first frame.
    codec
        FFmpeg's name.
    duration
        In seconds, as a file declares it; None where it does not.
    name
        Of a station; empty where it is not told.
    prebuffer
        Seconds of a stream that are awaited before the first is played.
    """

    rate: int
    channels: int
    codec: str
    duration: float | None
    name: str
    prebuffer: float


class DecoderProcessError(AudioError):
    """A decoder's process that ended or hangs; it says how."""

    def __init__(self, how: str, *, hung: bool) -> None:
        super().__init__(f"the decoder is gone ({how})")
        self.how = how
        self.hung = hung


class Decoder:
    """A process that decodes one source after the other.

    It starts with the first, and anew where it has died or the source before was left unfinished.
    Use it as a context manager, or `close` it. One thread at a time may open and read; any thread
    may close.

    Attributes
    ----------
    title
        Of what is decoded now, as a stream tells it.
    corrupt, decoded
        Packets of this source that could not be decoded so far, and that could; the second is known
        at the end.
    """

    def __init__(self) -> None:
        self.title = ""
        self.corrupt = 0
        self.decoded = 0
        self._stop: threading.Event | None = None
        self._keeper: _Keeper | None = None
        self._end = weakref.finalize(self, _nothing)
        self._busy = False

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process where one runs."""
        return self._keeper.process if self._keeper is not None else None

    def stop_on(self, stop: threading.Event) -> None:
        """End as soon as `stop` is set, even while a read waits."""
        self._stop = stop
        if self._keeper is not None:
            self._keeper.stop = stop

    def open(self, job: dict[str, str], patience: float) -> SourceInfo:
        """Open a file or a stream.

        Parameters
        ----------
        job
            `path` of a file, or `url` of a stream.
        patience
            Seconds it may take.

        Raises
        ------
        UsageError, AudioError
            It cannot be opened; the message is whole.
        DecoderProcessError
            The process died of it, or hangs.
        """
        process = self.process
        if self._busy or process is None or process.poll() is not None:
            self.close()
            self._start()
        self.title, self.corrupt, self.decoded = "", 0, 0
        self._busy = True
        self._tell(job)
        content = self._read(patience)[1]  # whatever comes first has to be this
        try:
            return _opened(json.loads(content))
        except _LIES:
            raise self._gone(_LIED) from None

    def frames(self) -> Iterator[records.PcmFrame | float]:
        """Yield frames, or how many seconds are lost, to the end.

        Raises
        ------
        AudioError
            The stream is lost; the message is whole.
        DecoderProcessError
            The process died of it, or hangs.
        """
        while self._busy:
            kind, content = self._read(limits.DECODER_TIMEOUT_S)
            try:
                if kind == records.FRAME:
                    yield records.frame_of(content)
                elif kind == records.LOSS:
                    (seconds,) = records.SECONDS.unpack(content)
                    if not 0 <= seconds <= limits.MAX_PACKET_DURATION_S:
                        raise ValueError("seconds")
                    self.corrupt += 1
                    yield seconds
                elif kind == records.TITLE:
                    self.title = _printable(content.decode(), limits.MAX_TITLE_CHARS)
                elif kind == records.END:
                    end = json.loads(content)
                    self.corrupt, self.decoded = int(end["corrupt"]), int(end["decoded"])
                    self._busy = False
                else:
                    raise ValueError("kind")
            except _LIES:
                raise self._gone(_LIED) from None

    def close(self) -> None:
        """End the process and free what belongs to it; more than once is fine."""
        self._end()
        self._keeper = None
        self._busy = False

    def _start(self) -> None:
        self._keeper = keeper = _Keeper(self._stop)
        self._end = weakref.finalize(self, keeper.end)
        keeper.begin()

    def _tell(self, job: dict[str, str]) -> None:
        process = self.process
        assert process is not None  # noqa: S101 - it was started
        assert process.stdin is not None  # noqa: S101 - a pipe
        with contextlib.suppress(OSError, ValueError):  # it is gone: told where it is read from
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()

    def _read(self, patience: float) -> tuple[bytes, bytes]:
        """Read a record; an error that it tells is raised."""
        keeper = self._keeper
        record = keeper.read(patience) if keeper is not None else None
        if record is None:
            raise self._gone()
        kind, content = record
        if kind == records.ERROR:
            self._busy = False
            try:
                error = json.loads(content)
                usage, text = (
                    bool(error["usage"]),
                    _printable(error["text"], limits.MAX_TEXT_MESSAGE_BYTES),
                )
            except _LIES:
                raise self._gone(_LIED) from None
            raise UsageError(text) if usage else AudioError(text)
        return record

    def _gone(self, how: str = "") -> DecoderProcessError:
        keeper = self._keeper
        self.close()
        if how or keeper is None:
            return DecoderProcessError(how or "closed", hung=False)
        return DecoderProcessError(_how(keeper.code), hung=keeper.hung)


class _Keeper:
    """Starts the process, ends it once it is told to or hangs, and reaps it.

    All of that in one thread, since Linux ends a guarded process with the thread that started it.
    It counts its own ticks: while the machine sleeps, nobody's patience wears out.

    Parameters
    ----------
    stop
        Ends the process, too, where given.

    Attributes
    ----------
    process
        Once it was started.
    hung
        Whether it was ended because nothing came.
    """

    def __init__(self, stop: threading.Event | None) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.stop = stop
        self.hung = False
        self._thread = threading.Thread(target=self._keep, name="decoder", daemon=True)
        self._ready = threading.Event()
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._patience: float | None = None  # while somebody waits
        self._reads = 0

    @property
    def code(self) -> int | None:
        """With which the process ended: its status, or less a signal's number."""
        return self.process.returncode if self.process is not None else None

    def begin(self) -> None:
        """Return once the process runs.

        Raises
        ------
        AudioError
            It cannot be started.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            self._failure = error
        else:
            self._ready.wait()
        if self._failure is not None:
            why = getattr(self._failure, "strerror", None) or self._failure
            raise AudioError(
                f"the decoder cannot be started ({why}); end other programs, or look at the "
                "limits of this one"
            )

    def read(self, patience: float) -> tuple[bytes, bytes] | None:
        """Read one record; None where the process is gone."""
        assert self.process is not None  # noqa: S101 - it was started
        assert self.process.stdout is not None  # noqa: S101 - a pipe
        self._reads += 1
        self._patience = patience
        try:
            return records.hear(self.process.stdout)
        except (OSError, ValueError):  # closed meanwhile
            return None
        finally:
            self._patience = None

    def end(self) -> None:
        """End the process; once this returns, nothing of it is left."""
        self._over.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_LEAVE_SECONDS)

    def _keep(self) -> None:
        try:
            bounds = map(str, (limits.DECODER_MEMORY_BYTES, limits.DECODER_OPEN_FILES))
            self.process = process = start_helper(str(_WORKER), *bounds, bufsize=_BUFFER)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        seen, waited = 0, 0.0
        while not self._over.wait(_TICK):
            patience = self._patience
            waited = waited + _TICK if self._reads == seen and patience is not None else 0.0
            seen = self._reads
            self.hung = patience is not None and waited > patience
            if self.hung or (self.stop is not None and self.stop.is_set()):
                break
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _nothing() -> None:
    """End what was never begun."""


def _opened(told: Any) -> SourceInfo:
    """Return what a decoder says of a source, as far as it can be believed; one of `_LIES` else."""
    rate, channels, seconds = int(told["rate"]), int(told["channels"]), told["duration"]
    prebuffer = float(told["prebuffer"])
    believed = 0 < channels <= limits.MAX_CHANNELS and 0 <= prebuffer <= limits.PLAYOUT_BUFFER_S
    if not believed or rate not in limits.SAMPLE_RATES:
        raise ValueError("opened")
    name = _printable(told["name"], limits.MAX_TITLE_CHARS)
    known = seconds is not None and math.isfinite(seconds) and seconds > 0
    duration = float(seconds) if known else None
    return SourceInfo(rate, channels, _printable(told["codec"], 100), duration, name, prebuffer)


def _printable(text: str, longest: int) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:longest])


def _how(code: int | None) -> str:
    """Put into words how a process ended."""
    if code is None or code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
