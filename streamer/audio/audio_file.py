"""Sound files: whatever FFmpeg decodes, as mono blocks."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
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
"""Length of a block where nothing else is asked for."""

_log = logging.getLogger(__name__)


def open_audio_file(
    path: str | Path,
    channels: tuple[int, ...] = (),
    *,
    cleaner: Cleaner | None = None,
    decoder: Decoder | None = None,
) -> "AudioFile":
    """Open a local file and decode its first sound, in a process that it cannot harm.

    Nothing but this file is ever opened, whatever it names.

    Parameters
    ----------
    path
        Of the file; a leading ``~`` is the home folder.
    channels
        To mix to mono, counted from 1; empty means all.
    cleaner
        Counts what is cleaned; one of its own where none is given.
    decoder
        For who opens many files one after the other, which spares them a process each. It stays
        the caller's.

    Raises
    ------
    UsageError
        A URL, or a channel that the file does not have.
    AudioError
        Missing, unreadable, a folder, empty, without sound, or broken from its beginning.
    """
    name = str(path)
    if is_url(name):
        raise UsageError(
            f"{redact_url(name)} is a URL; give the path of a file, or hear it: "
            "streamer run --input URL"
        )
    return AudioFile(local_path(name), channels, cleaner or Cleaner(), decoder)


class AudioFile:
    """A sound file while it is decoded; memory does not grow with its length.

    Use it as a context manager, or `close` it. Sound is read once, by one thread at a time.

    Attributes
    ----------
    path
        Of the file.
    rate
        Sample rate in Hz.
    duration
        Seconds as the file declares them; None where it does not.
    description
        For people: codec, rate, channels, duration.
    cleaner
        Counts what was cleaned.
    """

    def __init__(
        self, path: Path, channels: tuple[int, ...], cleaner: Cleaner, decoder: Decoder | None
    ) -> None:
        self.path = path
        self.cleaner = cleaner
        self._channels = channels
        self._own = decoder is None
        self._decoder = decoder or Decoder()
        try:
            opened = self._decoder.open({"path": str(path)}, limits.DECODER_TIMEOUT_S)
            check_channels(channels, opened.channels, str(path))
        except DecoderProcessError as gone:
            raise self._refused(gone) from None
        except BaseException:
            self.close()
            raise
        self.rate = opened.rate
        self.duration = opened.duration
        length = "" if self.duration is None else f", {self.duration:.1f} s"
        self.description = f"{opened.codec}, {self.rate} Hz, {opened.channels} channel(s){length}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._own:
            self._decoder.close()

    @property
    def corrupt_packets(self) -> int:
        """Packets that could not be decoded and were left out."""
        return self._decoder.corrupt

    def blocks(self, frames: int | None = None) -> Iterator[Block]:
        """Decode to the end, as fast as it is asked.

        Parameters
        ----------
        frames
            Samples of each block but those before a gap or the end; 20 ms where not given.

        Yields
        ------
        Block
            Mono; `captured` is the time in the file, in seconds. A damaged place is a gap.

        Raises
        ------
        AudioError
            The chosen channels end before the file does, it crashes or hangs the decoder, or, at
            its end: most of it is damaged.
        """
        size = frames or max(round(self.rate * BLOCK_SECONDS), 1)
        start, filled, held = 0, 0, np.empty(size, np.float32)
        try:
            for piece in downmix(self._decoder.frames(), self.rate, self._channels, self.cleaner):
                if isinstance(piece, int):
                    if filled:
                        yield Block(held[:filled], start, start / self.rate)
                    start, filled, held = start + filled + piece, 0, np.empty(size, np.float32)
                    continue
                taken = 0
                while taken < len(piece):
                    fresh = piece[taken : taken + size - filled]
                    held[filled : filled + len(fresh)] = fresh
                    filled += len(fresh)
                    taken += len(fresh)
                    if filled == size:
                        yield Block(held, start, start / self.rate)
                        start, filled, held = start + size, 0, np.empty(size, np.float32)
        except DecoderProcessError as gone:
            raise self._refused(gone) from None
        if filled:
            yield Block(held[:filled], start, start / self.rate)
        self._judge()

    def _judge(self) -> None:
        corrupt, decoded = self._decoder.corrupt, self._decoder.decoded
        if corrupt > max(decoded, limits.MAX_DAMAGED_PACKETS):
            raise AudioError(
                f"{self.path} is damaged or no sound: {corrupt} of its packets cannot "
                f"be decoded, {decoded} can; give a whole sound file"
            )
        if corrupt:
            _log.warning("%s: %d damaged packets left out", self.path, corrupt)

    def _refused(self, gone: DecoderProcessError) -> AudioError:
        if gone.hung:
            return AudioError(
                f"{self.path} hangs the decoder; it is no sound file that can be played, "
                "or its disk does not answer"
            )
        return AudioError(
            f"{self.path} crashed the decoder ({gone.how}); it is no sound file that can be played"
        )


def local_path(name: str) -> Path:
    """Return the path of a regular file that can be read and is not empty.

    Parameters
    ----------
    name
        The path; a leading ``~`` is the home folder.

    Raises
    ------
    AudioError
        There is no such file.
    """
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # no such user: the path is meant as it stands
        path = path.expanduser()
    try:
        if not path.exists():
            raise AudioError(f"{path} does not exist; give the path of a sound file")
        if path.is_dir():
            raise AudioError(f"{path} is a folder; give the path of a sound file in it")
        if not path.is_file():
            raise AudioError(f"{path} is no regular file; raw samples are read with the input '-'")
        if not path.stat().st_size:
            raise AudioError(f"{path} is empty; give a sound file")
        with path.open("rb"):
            pass
    except PermissionError:
        raise AudioError(f"{path} cannot be read: allow this user to read it") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{name!r} cannot be read ({_reason(error)}); give another path") from None
    return path


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).splitlines()[0].lower() if text else type(error).__name__
