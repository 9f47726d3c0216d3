"""Messages between a streamer and an inference server: only new frames are sent.

A streamer opens a websocket at `/stream`, with login, precision and deadline in the headers. The
server's first message is text, JSON: `engine`, `model`, `weights` (their SHA-256) and `front_end`
(its digest). Then each request, a binary message, gets one response: binary, or text with the
reason of a refusal.

A request holds windows one after the other: slot and number of frames, both unsigned 16-bit, then
the frames, oldest first, each with its Mel bands followed by its gammatone channels. The server
keeps the window of each slot for the life of the connection: new frames push the oldest out, and as
many frames as a window has replace it. A response to B windows holds B valences, B arousals, then
their standard deviations, in single precision. All numbers are little-endian.

So a window, 100 ms after the last one of its zone, is 9 frames long and not 258.
"""

import struct
from collections import OrderedDict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from damer.views import FrontEndSpec
from streamer.engines.protocol import Array, Estimate
from streamer.errors import EngineError

PATH = "/stream"
PRECISION = "x-streamer-precision"
"""Header: precision of the frames, "single" or "half"."""

DEADLINE = "x-streamer-deadline-ms"
"""Header: milliseconds after which the client discards a response."""

SLOTS = 64
"""Windows that a server keeps per connection, and that a request may hold."""

Precision = Literal["single", "half"]
_DTYPES: dict[str, np.dtype[np.floating[Any]]] = {
    "single": np.dtype("<f4"),
    "half": np.dtype("<f2"),
}
_HEADER = struct.Struct("<HH")
_COLUMNS = 4  # of a response


class RequestRefusedError(EngineError):
    """The server is healthy and refused this request."""


class WindowEncoder:
    """Encodes requests: finds for each window the slot it continues, and encodes the new frames.

    A window's zone is not sent: it continues the slot whose newest frames it starts with.

    Parameters
    ----------
    precision
        Precision of the frames on the wire.
    """

    def __init__(self, precision: Precision) -> None:
        self._dtype = _DTYPES[precision]
        self._slots: OrderedDict[int, Array] = OrderedDict()  # least recently used first

    def encode(self, mel: Array, cochleagram: Array) -> bytes:
        """Encode mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T), B at most 64."""
        windows = np.concatenate((mel, cochleagram), axis=1).transpose(0, 2, 1)  # (B, T, bands)
        used: set[int] = set()
        return b"".join(self._encode(window, used) for window in windows)

    def _encode(self, window: Array, used: set[int]) -> bytes:
        slot, new = self._find_slot(window, used)
        used.add(slot)
        self._slots[slot] = window
        self._slots.move_to_end(slot)
        frames = window[len(window) - new :].astype(self._dtype)
        return _HEADER.pack(slot, new) + frames.tobytes()

    def _find_slot(self, window: Array, used: set[int]) -> tuple[int, int]:
        """Return the slot that a window (T, bands) continues, and its number of new frames."""
        size = len(window)
        for slot, known in self._slots.items():
            if slot in used:
                continue
            for at in np.flatnonzero((window == known[-1]).all(axis=1))[::-1]:
                new = size - 1 - int(at)
                if np.array_equal(window[: at + 1], known[new:]):
                    return slot, new
        if len(self._slots) < SLOTS:
            return len(self._slots), size
        return next(slot for slot in self._slots if slot not in used), size


class WindowDecoder:
    """Decodes the requests of one `WindowEncoder`, and keeps the window of each slot.

    Parameters
    ----------
    spec
        Front end of the windows.
    precision
        Precision of the frames on the wire.

    Raises
    ------
    ValueError
        The precision is unknown.
    """

    def __init__(self, spec: FrontEndSpec, precision: str) -> None:
        if precision not in _DTYPES:
            raise ValueError(f"precision must be one of {', '.join(_DTYPES)}")
        self._dtype = _DTYPES[precision]
        self._bands, self._mel_bands = spec.mel_bands + spec.gammatone_channels, spec.mel_bands
        self._size = spec.window_frames
        self._windows: dict[int, NDArray[np.float32]] = {}

    def decode(self, request: bytes) -> tuple[Array, Array]:
        """Decode a request: mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T).

        Raises
        ------
        ValueError
            The request is malformed, or continues a window that was never sent.
        """
        windows: list[Array] = []
        offset = 0
        while offset < len(request):
            if len(windows) == SLOTS or len(request) - offset < _HEADER.size:
                raise ValueError("a request must hold 1 to 64 windows, each with its header")
            slot, new = _HEADER.unpack_from(request, offset)
            offset += _HEADER.size
            numbers = new * self._bands
            if slot >= SLOTS or new > self._size:
                raise ValueError(f"slot {slot} or {new} frames are out of range")
            if len(request) - offset < numbers * self._dtype.itemsize:
                raise ValueError("the request ends within a window")
            frames = np.frombuffer(request, self._dtype, numbers, offset).astype(np.float32)
            offset += numbers * self._dtype.itemsize
            windows.append(self._extend(slot, frames.reshape(new, self._bands)))
        if not windows:
            raise ValueError("a request must hold 1 to 64 windows, each with its header")
        views = np.stack(windows).transpose(0, 2, 1)  # (B, bands, T)
        return views[:, : self._mel_bands], views[:, self._mel_bands :]

    def _extend(self, slot: int, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Append new frames (n, bands) to a slot's window; return the window (T, bands)."""
        if not np.isfinite(frames).all():
            raise ValueError("a frame holds a number that is not finite")
        if len(frames) < self._size:
            if slot not in self._windows:
                raise ValueError(f"slot {slot} has no window to continue")
            frames = np.concatenate((self._windows[slot][len(frames) :], frames))
        self._windows[slot] = frames
        return frames


def encode_estimate(estimate: Estimate) -> bytes:
    """Encode the response to a request of B windows."""
    columns = (estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std)
    return np.stack(columns).astype("<f4").tobytes()


def decode_estimate(response: bytes, count: int) -> Estimate:
    """Decode the response to a request of `count` windows.

    Raises
    ------
    EngineError
        It holds another number of windows.
    """
    if len(response) != 4 * _COLUMNS * count:
        raise EngineError(f"it answered {len(response)} bytes for {count} windows")
    return Estimate(*np.frombuffer(response, "<f4").astype(np.float32).reshape(_COLUMNS, count))
