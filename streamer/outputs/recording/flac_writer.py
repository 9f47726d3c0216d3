"""The sound of a recording: FLAC, mono, 16 bits, at the source's rate."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Samples
from streamer.outputs.recording.file_names import FLAC, PART, try_lock

_FULL_SCALE = 2.0**15
_STRETCH = 1.0  # seconds of silence written at a time


class FlacWriter:
    """Writes one FLAC file under a temporary name; what is there can be played at any moment.

    Parameters
    ----------
    stem
        Path of the finished file without its suffix.
    rate
        Samples per second, in Hz.
    tags
        What the file says about itself.

    Attributes
    ----------
    rate
        As given.
    length
        Samples written so far.

    Raises
    ------
    OSError
        It cannot be written. So may every method; then `close` it, and begin another one.
    """

    def __init__(self, stem: Path, rate: int, tags: dict[str, str]) -> None:
        self.rate = rate
        self.length = 0
        self._path = stem.with_name(stem.name + FLAC)
        self._part = stem.with_name(stem.name + FLAC + PART)
        self._file = self._part.open("xb")
        try_lock(self._file)
        self._sink = _Sink(self._file)
        self._container = av.open(self._sink, "w", format="flac")
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream("flac", rate=rate)
        self._stream.layout = "mono"
        self._stream.format = "s16"

    def add(self, samples: Samples) -> None:
        """Append samples in [-1, 1]; those of a source of 16 bits are kept to the last bit."""
        if not len(samples):  # FFmpeg has no empty frames
            return
        scaled = np.round(samples * np.float32(_FULL_SCALE))
        self._encode(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16))

    def add_silence(self, count: int) -> None:
        """Append so many samples of silence."""
        most = round(_STRETCH * self.rate)
        for start in range(0, count, most):
            self._encode(np.zeros(min(most, count - start), np.int16))

    def sync(self) -> None:
        """Bring what was encoded to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> Path:
        """Complete the file and give it its name, which is returned."""
        self._mux(None)
        self._container.close()
        self._sink.check()
        self.sync()
        self._file.close()
        return self._part.replace(self._path)

    def close(self) -> None:
        """Let the file be as it is; it can be played up to where it ends."""
        self._file.close()

    def _encode(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self.rate
        self._mux(frame)
        self.length += len(samples)

    def _mux(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self._sink.check()


class _Sink:
    """A file as FFmpeg sees it: all goes well, and what did not is raised by `check`.

    PyAV would print some of what a file raises, and drop it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | ValueError | None = None

    def write(self, data: bytes) -> int:
        """Write, or remember why not."""
        with self._remembering():
            self._file.write(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek, or remember why not."""
        with self._remembering():
            return self._file.seek(offset, whence)
        return 0

    def tell(self) -> int:
        """Return where the file is."""
        return self.seek(0, 1)

    def check(self) -> None:
        """Raise what went wrong first, if anything did."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: the file was closed
            self._error = self._error or error
