"""Write the audio of a recording: FLAC, mono, 16 bits, at the source's rate."""

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
_SILENCE_CHUNK_S = 1.0


class FlacWriter:
    """Writes a FLAC file under a temporary name; it can be played at any time.

    Parameters
    ----------
    stem
        Path of the finished file without suffix.
    rate
        Sample rate in Hz.
    tags
        Metadata of the file.

    Attributes
    ----------
    rate
        Sample rate in Hz.
    length
        Number of samples written.

    Raises
    ------
    OSError
        The file cannot be written. Every method can raise it; then `close` the writer.
    """

    def __init__(self, stem: Path, rate: int, tags: dict[str, str]) -> None:
        self.rate = rate
        self.length = 0
        self._path = stem.with_name(stem.name + FLAC)
        self._part = stem.with_name(stem.name + FLAC + PART)
        self._file = self._part.open("xb")
        try_lock(self._file)
        self._output = _DeferredErrorFile(self._file)
        self._container = av.open(self._output, "w", format="flac")
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream("flac", rate=rate)
        self._stream.layout = "mono"
        self._stream.format = "s16"

    def add(self, samples: Samples) -> None:
        """Append samples in [-1, 1]; 16-bit sources are kept bit-exact."""
        if not len(samples):  # FFmpeg rejects empty frames
            return
        scaled = np.round(samples * np.float32(_FULL_SCALE))
        self._encode(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16))

    def add_silence(self, count: int) -> None:
        """Append `count` samples of silence."""
        chunk = round(_SILENCE_CHUNK_S * self.rate)
        for start in range(0, count, chunk):
            self._encode(np.zeros(min(chunk, count - start), np.int16))

    def sync(self) -> None:
        """Flush the encoded audio to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> Path:
        """Complete the file, rename it and return its path."""
        self._mux(None)
        self._container.close()
        self._output.check()
        self.sync()
        self._file.close()
        return self._part.replace(self._path)

    def close(self) -> None:
        """Close the file without completing it; it can be played up to its end."""
        self._file.close()

    def _encode(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self.rate
        self._mux(frame)
        self.length += len(samples)

    def _mux(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self._output.check()


class _DeferredErrorFile:
    """File object that stores errors until `check`; PyAV would print and drop them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | ValueError | None = None

    def write(self, data: bytes) -> int:
        """Write; store an error."""
        with self._storing_errors():
            self._file.write(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek; store an error."""
        with self._storing_errors():
            return self._file.seek(offset, whence)
        return 0

    def tell(self) -> int:
        """Return the position."""
        return self.seek(0, 1)

    def check(self) -> None:
        """Raise the first stored error."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def _storing_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: the file was closed
            self._error = self._error or error
