"""Raw samples from standard input, in real time.

Raw interleaved samples, as they come through a pipe.
"""

import logging
import math
import os
import select
import sys
import threading
import time
from collections.abc import Callable
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
"""Seconds that a pipe may run ahead of real time: its bursts."""

MAX_STARTUP_BACKLOG_S = 1.0
"""Seconds that may wait in the pipe before it is first read; taken at once, or all would be late by
them for ever."""

MAX_READ_SPEED = 1.001
"""How much faster than real time a pipe is read at most: more than any clock drifts."""

_STEP = 0.02  # seconds read at once where the pipe is held back
_POLL = 0.1  # seconds until a stop is noticed


class RawInput:
    """Raw samples through a file descriptor, followed at the pace of whoever writes them.

    Samples are captured when they arrive; the clock smooths that. A writer faster than real time
    (a file) is held back, so that its drift reads as that of `MAX_READ_SPEED`.

    Parameters
    ----------
    layout
        Sample format, rate and channels.
    channels
        To mix to mono, counted from 1; empty means all.
    descriptor
        Open for reading; it stays open. Standard input where not given.

    Raises
    ------
    UsageError
        A channel that the layout does not have; standard input is closed or a terminal.
    """

    def __init__(
        self, layout: RawFormat, channels: tuple[int, ...], *, descriptor: int | None = None
    ) -> None:
        self.cleaner = Cleaner()
        self.live = True
        self.title = ""
        self.name = "stdin"
        self.rate = layout.rate
        self._decoder = RawDecoder(layout, channels, self.cleaner)
        self._descriptor = _standard_input() if descriptor is None else descriptor
        self._clock = CaptureClock(layout.rate)

    @property
    def clock(self) -> CaptureClock:
        """When each sample arrived, jitter smoothed away."""
        return self._clock

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Read into the ring until the pipe ends or `stop`."""
        backlog = MAX_STARTUP_BACKLOG_S
        played = -math.inf  # when all that was read has been played, at MAX_READ_SPEED
        while not stop.is_set():
            ahead = max(played - time.monotonic(), 0.0)
            if ahead > MAX_READ_AHEAD_S - _STEP:
                stop.wait(ahead - (MAX_READ_AHEAD_S - _STEP))
                continue
            if not _readable(self._descriptor, _POLL):
                continue
            frames = max(int((MAX_READ_AHEAD_S + backlog - ahead) * self.rate), 1)
            data = self._read(frames * self._decoder.frame_bytes)
            now = time.monotonic()
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
                self._clock.observe(ring.head, now)
                wake()
                backlog = max(backlog - seconds, 0.0)
                if backlog and not _readable(self._descriptor, _STEP):
                    backlog = 0.0  # all that waited is here

    def close(self) -> None:
        """Nothing: the descriptor belongs to who opened it."""

    def _read(self, count: int) -> bytes | None:
        try:
            return os.read(self._descriptor, count)
        except BlockingIOError:
            return None
        except OSError as error:
            raise AudioError(
                f"standard input cannot be read ({error.strerror}); pipe raw samples into it"
            ) from None


def _standard_input() -> int:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError("standard input is closed; pipe raw samples into it") from None
    if os.isatty(descriptor):
        raise UsageError(
            "standard input is a terminal; pipe raw samples into it, "
            "for example: ffmpeg -i FILE -f s16le -ar 44100 -ac 2 - | streamer run --input -"
        )
    return descriptor


def _readable(descriptor: int, seconds: float) -> bool:
    """Wait for data or the end; True at once where the platform cannot wait for a pipe."""
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    except (OSError, ValueError):
        return True


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
_MAGIC = 4  # bytes
_ABSURD = 1e3  # a thousand times full scale
_JUDGED_AT_LEAST = 1000  # samples that are not zero
_JUDGED_AT_MOST = 200_000

_log = logging.getLogger(__name__)


class RawDecoder:
    """Turn bytes, cut anywhere, into mono samples.

    Parameters
    ----------
    layout
        Sample format, rate and channels of the bytes.
    channels
        To mix to mono, counted from 1; empty means all.
    cleaner
        Counts what is cleaned.

    Attributes
    ----------
    frame_bytes
        Bytes of one sample of every channel.
    leftover_bytes
        Bytes at the end that made no whole frame; known after `finish`.

    Raises
    ------
    UsageError
        A channel that the layout does not have.
    """

    def __init__(self, layout: RawFormat, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        check_channels(channels, layout.channels, "the raw input")
        self.leftover_bytes = 0
        self._layout = layout
        self._mixer = Downmixer(channels, cleaner)
        self._dtype = np.dtype("<i2" if layout.format == "s16le" else "<f4")
        self.frame_bytes = self._dtype.itemsize * layout.channels
        self._carried = b""
        self._begun = False
        self._judged = 0
        self._wrong = 0

    def push(self, data: bytes) -> Samples:
        """Decode what follows.

        Parameters
        ----------
        data
            Any number of bytes; what makes no whole frame waits for the next ones.

        Returns
        -------
        Samples
            float32, shape (n,), in [-1, 1].

        Raises
        ------
        AudioError
            The bytes are no samples of this format.
        """
        data = self._carried + data
        if not self._begun:
            if len(data) < max(_MAGIC, self.frame_bytes):
                self._carried = data
                return np.zeros(0, np.float32)
            self._refuse_containers(data)
            self._begun = True
        whole = len(data) - len(data) % self.frame_bytes
        self._carried = data[whole:]
        values: NDArray[Any] = np.frombuffer(data, self._dtype, whole // self._dtype.itemsize)
        if self._judged < _JUDGED_AT_MOST:
            self._judge(values)
        sound = values.astype(np.float32)
        if self._dtype.kind == "i":
            sound *= np.float32(1 / 32768)
        return self._mixer.mix(sound.reshape(-1, self._layout.channels).T)

    def finish(self) -> None:
        """Say that nothing follows.

        Raises
        ------
        AudioError
            There was not one whole frame.
        """
        if not self._begun:
            raise AudioError(
                "standard input ended without a single sample; pipe raw samples into it, "
                "for example: ffmpeg -i FILE -f s16le -ar 44100 -ac 2 - | streamer run --input -"
            )
        self.leftover_bytes = len(self._carried)
        if self._carried:
            _log.warning(
                "standard input ended within a frame: %d of %d bytes left out; "
                "check the format and the number of channels",
                self.leftover_bytes,
                self.frame_bytes,
            )

    def _refuse_containers(self, data: bytes) -> None:
        found = _CONTAINERS.get(data[:_MAGIC])
        if found:
            raise AudioError(
                f"standard input carries {found}, not raw {self._layout.format} samples; give its "
                f"path, or decode it: ffmpeg -i - -f {self._layout.format} - | streamer ..."
            )

    def _judge(self, values: NDArray[Any]) -> None:
        """Look for samples of another format; zeros say nothing."""
        if self._dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                wrong = ~(np.abs(values) <= _ABSURD)
            self._judged += int(np.count_nonzero(values))
            self._wrong += int(np.count_nonzero(wrong))
            suspicious, likely = 0.1, "s16le"
        else:
            pairs = values[: len(values) // 2 * 2].reshape(-1, 2)
            pairs = pairs[pairs.any(axis=1)]
            # As little-endian floats of music, the second halves hold exponents: 2^-31 to 1.
            low, high = (_like_exponents(half) for half in pairs.T)
            self._judged += len(pairs)
            self._wrong += int(np.count_nonzero(high & ~low))
            suspicious, likely = 0.6, "f32le"
        if self._judged >= _JUDGED_AT_LEAST and self._wrong > suspicious * self._judged:
            raise AudioError(
                f"standard input does not carry {self._layout.format} samples; its bytes look like "
                f"{likely} or another format: set the zone's raw format to what is piped in"
            )


def _like_exponents(words: NDArray[np.int16]) -> NDArray[np.bool_]:
    magnitude = words & np.int16(0x7FFF)
    return (magnitude >= 0x3000) & (magnitude <= 0x3F80)
