"""What travels between a streamer and a server of engines: only frames that are new.

A streamer opens a websocket at `/stream` and says in the headers who it is, its precision and its
deadline. The server's first message is text, JSON: `engine`, `model`, `weights` (their SHA-256) and
`front_end` (its digest). Then each question, a binary message, is answered by one, or by text that
says why not.

A question holds windows one after the other: slot and number of frames, both unsigned 16-bit, then
the frames, oldest first, each with its Mel bands and after them its gammatone channels. The server
keeps the window of each slot for as long as the connection lasts: new frames push the oldest out,
and as many as a window has replace it. An answer holds for B windows B valences, B arousals, then
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
"""Header: "single" or "half", of the frames."""

DEADLINE = "x-streamer-deadline-ms"
"""Header: milliseconds after which nobody waits for an answer."""

SLOTS = 64
"""Windows that a server keeps for a connection, and that a question may hold."""

Precision = Literal["single", "half"]
_FLOATS: dict[str, np.dtype[np.floating[Any]]] = {
    "single": np.dtype("<f4"),
    "half": np.dtype("<f2"),
}
_HEAD = struct.Struct("<HH")
_ANSWERS = 4


class RequestRefusedError(EngineError):
    """A server is well, and has no answer to this question."""


class WindowEncoder:
    """Writes windows, remembering what the server knows of them.

    Which zone a window is of is not told: it goes on from the one whose frames it begins with.

    Parameters
    ----------
    precision
        Of the frames that travel.
    """

    def __init__(self, precision: Precision) -> None:
        self._floats = _FLOATS[precision]
        self._known: OrderedDict[int, Array] = OrderedDict()  # the longest unused first

    def encode(self, mel: Array, cochleagram: Array) -> bytes:
        """Write mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T), B at most 64."""
        windows = np.concatenate((mel, cochleagram), axis=1).transpose(0, 2, 1)  # (B, T, bands)
        taken: set[int] = set()
        return b"".join(self._pack(window, taken) for window in windows)

    def _pack(self, window: Array, taken: set[int]) -> bytes:
        slot, new = self._continued(window, taken)
        taken.add(slot)
        self._known[slot] = window
        self._known.move_to_end(slot)
        frames = window[len(window) - new :].astype(self._floats)
        return _HEAD.pack(slot, new) + frames.tobytes()

    def _continued(self, window: Array, taken: set[int]) -> tuple[int, int]:
        """Return the slot that a window goes on from, and how many of its frames are new there."""
        size = len(window)
        for slot, known in self._known.items():
            if slot in taken:
                continue
            for at in np.flatnonzero((window == known[-1]).all(axis=1))[::-1]:
                new = size - 1 - int(at)
                if np.array_equal(window[: at + 1], known[new:]):
                    return slot, new
        if len(self._known) < SLOTS:
            return len(self._known), size
        return next(slot for slot in self._known if slot not in taken), size


class WindowDecoder:
    """Reads what a `WindowEncoder` wrote, and keeps the windows.

    Parameters
    ----------
    spec
        Of the windows.
    precision
        Of the frames that travel.

    Raises
    ------
    ValueError
        There is no such precision.
    """

    def __init__(self, spec: FrontEndSpec, precision: str) -> None:
        if precision not in _FLOATS:
            raise ValueError(f"the precision is one of {', '.join(_FLOATS)}")
        self._floats = _FLOATS[precision]
        self._bands, self._mel_bands = spec.mel_bands + spec.gammatone_channels, spec.mel_bands
        self._size = spec.window_frames
        self._windows: dict[int, NDArray[np.float32]] = {}

    def decode(self, question: bytes) -> tuple[Array, Array]:
        """Read one question: mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T).

        Raises
        ------
        ValueError
            It is no question, or goes on from a window that was never sent.
        """
        windows: list[Array] = []
        place = 0
        while place < len(question):
            if len(windows) == SLOTS or len(question) - place < _HEAD.size:
                raise ValueError("a question holds 1 to 64 windows, each with its head")
            slot, new = _HEAD.unpack_from(question, place)
            place += _HEAD.size
            numbers = new * self._bands
            if slot >= SLOTS or new > self._size:
                raise ValueError(f"slot {slot} or {new} frames are out of range")
            if len(question) - place < numbers * self._floats.itemsize:
                raise ValueError("a question ends within a window")
            frames = np.frombuffer(question, self._floats, numbers, place).astype(np.float32)
            place += numbers * self._floats.itemsize
            windows.append(self._grown(slot, frames.reshape(new, self._bands)))
        if not windows:
            raise ValueError("a question holds 1 to 64 windows, each with its head")
        both = np.stack(windows).transpose(0, 2, 1)
        return both[:, : self._mel_bands], both[:, self._mel_bands :]

    def _grown(self, slot: int, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(frames).all():
            raise ValueError("a frame holds a number that is not finite")
        if len(frames) < self._size:
            if slot not in self._windows:
                raise ValueError(f"slot {slot} has no window to go on from")
            frames = np.concatenate((self._windows[slot][len(frames) :], frames))
        self._windows[slot] = frames
        return frames


def encode_estimate(estimate: Estimate) -> bytes:
    """Write the answer for B windows."""
    columns = (estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std)
    return np.stack(columns).astype("<f4").tobytes()


def decode_estimate(answer: bytes, count: int) -> Estimate:
    """Read what `encode_estimate` wrote for `count` windows.

    Raises
    ------
    EngineError
        It is of another number of windows.
    """
    if len(answer) != 4 * _ANSWERS * count:
        raise EngineError(f"it answered {len(answer)} bytes for {count} windows")
    return Estimate(*np.frombuffer(answer, "<f4").astype(np.float32).reshape(_ANSWERS, count))
