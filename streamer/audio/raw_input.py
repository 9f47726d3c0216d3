"""Raw samples from a pipe: standard input or another file descriptor."""

import logging
import math
import os
import select
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Samples
from streamer.audio.capture_clock import CaptureClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import Downmixer, check_channels
from streamer.audio.ring_buffer import RingBuffer
from streamer.config.models import RawFormat
from streamer.errors import AudioError, UsageError

MAX_READ_AHEAD_S = 0.25
"""How far a pipe may run ahead of real time, in seconds: the size of its writer's bursts."""

MAX_STARTUP_BACKLOG_S = 1.0
"""Audio that is read at once if it waits in the pipe at the start, in seconds.

Read at real-time pace instead, it would delay everything after it for ever.
"""

MAX_READ_SPEED = 1.001
"""Fastest long-term reading speed, relative to real time: faster than any clock drifts."""

_READ_S = 0.02  # audio read at once from a writer that is held back
_STOP_POLL_S = 0.1  # how often `stop` is checked

_EXAMPLE = (
    "pipe raw samples into it, "
    "for example: ffmpeg -i FILE -f s16le -ar 44100 -ac 2 - | streamer run --input -"
)

_CONTAINERS = {
    b"RIFF": "a WAV file",
    b"RF64": "a WAV file",
    b"RIFX": "a WAV file",
    b"FORM": "an AIFF file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"ID3\x03": "an MP3 file",
    b"ID3\x04": "an MP3 file",
    b".snd": "an AU file",
    b"\x1aE\xdf\xa3": "a Matroska file",
}
_MAGIC_BYTES = 4
_IMPLAUSIBLE_LEVEL = 1e3  # times full scale
_MIN_TESTED = 1000  # non-zero samples before the format is judged
_MAX_TESTED = 200_000  # non-zero samples after which it is trusted

_log = logging.getLogger(__name__)


class RawInput:
    """Read raw samples from a file descriptor at the pace of their writer.

    A sample is captured when it arrives; the clock smooths the jitter. A writer faster than real
    time (a file) is held back, so its drift reads as that of `MAX_READ_SPEED`.

    Parameters
    ----------
    layout
        Sample format, rate and number of channels.
    channels
        Channels to mix to mono, counted from 1. Empty: all.
    descriptor
        File descriptor to read. It is not closed. Default: standard input.

    Raises
    ------
    UsageError
        A channel that the layout does not have, or standard input is closed or a terminal.
    """

    def __init__(
        self, layout: RawFormat, channels: tuple[int, ...], *, descriptor: int | None = None
    ) -> None:
        self.name = "stdin"
        self.title = ""
        self.rate = layout.rate
        self.live = True
        self.cleaner = Cleaner()
        self.clock = CaptureClock(layout.rate)
        self._decoder = RawDecoder(layout, channels, self.cleaner)
        self._descriptor = _standard_input() if descriptor is None else descriptor

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Read into the ring until the pipe ends or `stop` is set."""
        backlog = MAX_STARTUP_BACKLOG_S
        played = -math.inf  # when all audio read so far will have played, at MAX_READ_SPEED
        while not stop.is_set():
            ahead = max(played - monotonic(), 0.0)
            if ahead > MAX_READ_AHEAD_S - _READ_S:
                stop.wait(ahead - (MAX_READ_AHEAD_S - _READ_S))
                continue
            if not _readable(self._descriptor, _STOP_POLL_S):
                continue
            frames = max(int((MAX_READ_AHEAD_S + backlog - ahead) * self.rate), 1)
            data = self._read(frames * self._decoder.frame_bytes)
            now = monotonic()
            if data is None:
                continue
            if not data:
                self._decoder.finish()
                return
            samples = self._decoder.push(data)
            if len(samples):
                seconds = len(samples) / self.rate / MAX_READ_SPEED
                played = max(played, now - backlog) + seconds
                ring.write(samples)
                self.clock.observe(ring.head, now)
                wake()
                backlog = max(backlog - seconds, 0.0)
                if backlog and not _readable(self._descriptor, _READ_S):
                    backlog = 0.0  # the whole backlog has been read

    def close(self) -> None:
        """Do nothing: the descriptor belongs to the caller."""

    def _read(self, count: int) -> bytes | None:
        """Return up to `count` bytes; None if none are available, empty at the end."""
        try:
            return os.read(self._descriptor, count)
        except BlockingIOError:
            return None
        except OSError as error:
            raise AudioError(
                f"cannot read standard input: {error.strerror}; pipe raw samples into it"
            ) from None


def _standard_input() -> int:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError(
            "cannot read standard input: it is closed; pipe raw samples into it"
        ) from None
    if os.isatty(descriptor):
        raise UsageError(f"cannot read standard input: it is a terminal; {_EXAMPLE}")
    return descriptor


def _readable(descriptor: int, timeout: float) -> bool:
    """Wait for data or the end. Always True if the platform cannot wait for a pipe."""
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    except (OSError, ValueError):
        return True


class RawDecoder:
    """Decode a stream of raw interleaved samples to mono; chunks may be cut anywhere.

    Parameters
    ----------
    layout
        Sample format, rate and number of channels.
    channels
        Channels to mix to mono, counted from 1. Empty: all.
    cleaner
        Counts non-finite and clipped samples.

    Attributes
    ----------
    frame_bytes
        Bytes of one frame: one sample of every channel.
    leftover_bytes
        Bytes of an incomplete last frame. Set by `finish`.

    Raises
    ------
    UsageError
        A channel that the layout does not have.
    """

    def __init__(self, layout: RawFormat, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        check_channels(channels, layout.channels, "the raw input")
        self.leftover_bytes = 0
        self._layout = layout
        self._downmixer = Downmixer(channels, cleaner)
        self._dtype = np.dtype("<i2" if layout.format == "s16le" else "<f4")
        self.frame_bytes = self._dtype.itemsize * layout.channels
        self._incomplete = b""
        self._started = False
        self._tested = 0
        self._implausible = 0

    def push(self, data: bytes) -> Samples:
        """Decode the next bytes.

        Parameters
        ----------
        data
            Any number of bytes. An incomplete frame is kept for the next call.

        Returns
        -------
        Samples
            float32, shape (n,), in [-1, 1].

        Raises
        ------
        AudioError
            The bytes are a container file or samples of another format.
        """
        data = self._incomplete + data
        if not self._started:
            if len(data) < max(_MAGIC_BYTES, self.frame_bytes):
                self._incomplete = data
                return np.zeros(0, np.float32)
            self._reject_containers(data)
            self._started = True
        whole = len(data) - len(data) % self.frame_bytes
        self._incomplete = data[whole:]
        values: NDArray[Any] = np.frombuffer(data, self._dtype, whole // self._dtype.itemsize)
        if self._tested < _MAX_TESTED:
            self._check_format(values)
        samples = values.astype(np.float32)
        if self._dtype.kind == "i":
            samples *= np.float32(1 / 32768)
        return self._downmixer.downmix(samples.reshape(-1, self._layout.channels).T)

    def finish(self) -> None:
        """End the stream.

        Raises
        ------
        AudioError
            It did not contain one complete frame.
        """
        if not self._started:
            raise AudioError(
                f"cannot decode standard input: it ended without a single sample; {_EXAMPLE}"
            )
        self.leftover_bytes = len(self._incomplete)
        if self._incomplete:
            _log.warning(
                "standard input ended within a frame: dropped %d of %d bytes; "
                "check the format and the number of channels",
                self.leftover_bytes,
                self.frame_bytes,
            )

    def _reject_containers(self, data: bytes) -> None:
        container = _CONTAINERS.get(data[:_MAGIC_BYTES])
        if container:
            raise AudioError(
                f"cannot decode standard input: it is {container}, not raw {self._layout.format} "
                "samples; give the file's path, or decode it: "
                f"ffmpeg -i - -f {self._layout.format} - | streamer ..."
            )

    def _check_format(self, values: NDArray[Any]) -> None:
        """Raise if the values look like samples of another format. Zeros fit every format."""
        if self._dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                implausible = ~(np.abs(values) <= _IMPLAUSIBLE_LEVEL)
            self._tested += int(np.count_nonzero(values))
            self._implausible += int(np.count_nonzero(implausible))
            max_share, likely = 0.1, "s16le"
        else:
            pairs = values[: len(values) // 2 * 2].reshape(-1, 2)
            pairs = pairs[pairs.any(axis=1)]
            # Music as little-endian floats has exponents of 2^-31 to 1, in the second half-words.
            low, high = (_float_exponent_like(half) for half in pairs.T)
            self._tested += len(pairs)
            self._implausible += int(np.count_nonzero(high & ~low))
            max_share, likely = 0.6, "f32le"
        if self._tested >= _MIN_TESTED and self._implausible > max_share * self._tested:
            raise AudioError(
                f"cannot decode standard input as {self._layout.format}: its bytes look like "
                f"{likely} or another format; set the zone's raw format to that of the pipe"
            )


def _float_exponent_like(words: NDArray[np.int16]) -> NDArray[np.bool_]:
    magnitude = words & np.int16(0x7FFF)
    return (magnitude >= 0x3000) & (magnitude <= 0x3F80)
