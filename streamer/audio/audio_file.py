"""Decode an audio file to mono blocks, as fast as they are read."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from streamer import limits
from streamer.audio.block import Block
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder, DecoderProcessError
from streamer.audio.downmix import check_channels, downmix
from streamer.decoder.urls import is_url, redact_url
from streamer.errors import AudioError, UsageError

BLOCK_SECONDS = 0.02
"""Default length of a block, in seconds."""

_log = logging.getLogger(__name__)


def open_audio_file(
    path: str | Path,
    channels: tuple[int, ...] = (),
    *,
    cleaner: Cleaner | None = None,
    decoder: Decoder | None = None,
) -> "AudioFile":
    """Open a local file and decode its first audio stream in a sandboxed child process.

    No other file is ever opened, whatever the file refers to.

    Parameters
    ----------
    path
        Path of the file; a leading ``~`` is the home folder.
    channels
        Channels to mix to mono, counted from 1. Empty: all.
    cleaner
        Counts non-finite and clipped samples. Default: a new one.
    decoder
        Process to reuse, for callers that open many files in turn; the caller closes it. Default: a
        new one.

    Raises
    ------
    UsageError
        A URL, or a channel that the file does not have.
    AudioError
        The file is missing, unreadable, a folder, empty, without audio, or damaged at its start.
    """
    name = str(path)
    if is_url(name):
        raise UsageError(
            f"cannot open {redact_url(name)} as a file: it is a URL; give the path of a file, or "
            "play it: streamer run --input URL"
        )
    return AudioFile(local_path(name), channels, cleaner or Cleaner(), decoder)


class AudioFile:
    """An open audio file. Use it as a context manager, or `close` it.

    It is read once, by one thread at a time. Memory does not grow with the file's length.

    Attributes
    ----------
    path
        Path of the file.
    rate
        Sample rate in Hz.
    duration
        Seconds as the file declares them; None if it does not.
    description
        For display: codec, sample rate, channels, duration.
    cleaner
        Counts non-finite and clipped samples.
    """

    def __init__(
        self, path: Path, channels: tuple[int, ...], cleaner: Cleaner, decoder: Decoder | None
    ) -> None:
        self.path = path
        self.cleaner = cleaner
        self._channels = channels
        self._owns_decoder = decoder is None
        self._decoder = decoder or Decoder()
        try:
            info = self._decoder.open({"path": str(path)}, limits.DECODER_TIMEOUT_S)
            check_channels(channels, info.channels, str(path))
        except DecoderProcessError as error:
            raise self._decoding_failed(error) from None
        except BaseException:
            self.close()
            raise
        self.rate = info.rate
        self.duration = info.duration
        length = "" if self.duration is None else f", {self.duration:.1f} s"
        self.description = f"{info.codec}, {self.rate} Hz, {info.channels} channel(s){length}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. May be called more than once."""
        if self._owns_decoder:
            self._decoder.close()

    @property
    def corrupt_packets(self) -> int:
        """Packets skipped because they could not be decoded."""
        return self._decoder.corrupt_packets

    def blocks(self, block_size: int | None = None) -> Iterator[Block]:
        """Decode the file to its end.

        Parameters
        ----------
        block_size
            Samples per block; those before a gap and at the end are shorter. Default: 20 ms.

        Yields
        ------
        Block
            `captured` is the position in the file, in seconds. A damaged part is a gap.

        Raises
        ------
        AudioError
            The chosen channels end before the file does, the file crashes or hangs the decoder, or
            (at its end) most of its packets are damaged.
        """
        size = block_size or max(round(self.rate * BLOCK_SECONDS), 1)
        start, filled, buffer = 0, 0, np.empty(size, np.float32)
        try:
            for chunk in downmix(self._decoder.frames(), self.rate, self._channels, self.cleaner):
                if isinstance(chunk, int):  # lost samples
                    if filled:
                        yield Block(buffer[:filled], start, start / self.rate)
                    start, filled, buffer = start + filled + chunk, 0, np.empty(size, np.float32)
                    continue
                used = 0
                while used < len(chunk):
                    part = chunk[used : used + size - filled]
                    buffer[filled : filled + len(part)] = part
                    filled += len(part)
                    used += len(part)
                    if filled == size:
                        yield Block(buffer, start, start / self.rate)
                        start, filled, buffer = start + size, 0, np.empty(size, np.float32)
        except DecoderProcessError as error:
            raise self._decoding_failed(error) from None
        if filled:
            yield Block(buffer[:filled], start, start / self.rate)
        self._check_damage()

    def _check_damage(self) -> None:
        corrupt, decoded = self._decoder.corrupt_packets, self._decoder.decoded_packets
        if corrupt > max(decoded, limits.MAX_DAMAGED_PACKETS):
            raise AudioError(
                f"cannot decode {self.path}: damaged or not audio ({corrupt} packets failed, "
                f"{decoded} decoded); give an undamaged audio file"
            )
        if corrupt:
            _log.warning("%s: skipped %d damaged packets", self.path, corrupt)

    def _decoding_failed(self, error: DecoderProcessError) -> AudioError:
        if error.timed_out:
            return AudioError(
                f"cannot decode {self.path}: the decoder hangs; give another audio file, or check "
                "that the file's disk responds"
            )
        return AudioError(
            f"cannot decode {self.path}: it crashed the decoder ({error.reason}); "
            "give another audio file"
        )


def local_path(name: str) -> Path:
    """Return the path of a non-empty regular file that can be read.

    Parameters
    ----------
    name
        Path; a leading ``~`` is the home folder.

    Raises
    ------
    AudioError
        There is no such file, or it cannot be read.
    """
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # no such user: take the name literally
        path = path.expanduser()
    try:
        if not path.exists():
            raise AudioError(
                f"cannot open {path}: it does not exist; give the path of an audio file"
            )
        if path.is_dir():
            raise AudioError(
                f"cannot open {path}: it is a folder; give the path of an audio file in it"
            )
        if not path.is_file():
            raise AudioError(
                f"cannot open {path}: it is not a regular file; pipe raw samples into the input '-'"
            )
        if not path.stat().st_size:
            raise AudioError(f"cannot open {path}: it is empty; give an audio file")
        with path.open("rb"):
            pass
    except PermissionError:
        raise AudioError(
            f"cannot open {path}: permission denied; allow this user to read it"
        ) from None
    except (OSError, ValueError) as error:
        text = str(getattr(error, "strerror", None) or error)
        reason = text.splitlines()[0].lower() if text else type(error).__name__
        raise AudioError(f"cannot open {name!r}: {reason}; give another path") from None
    return path
