"""Files of one zone: opened with the first estimate or block, finished at their full length."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from streamer.audio.block import Block
from streamer.outputs.recording.file_names import JOURNAL, unused_stem
from streamer.outputs.recording.flac_writer import FlacWriter
from streamer.outputs.recording.journal import Journal, Metadata, Row
from streamer.outputs.recording.recovery import finalize_journal
from streamer.tracking.update import Update

MAX_SILENCE_S = 60.0
"""Longest gap in the audio that is filled with silence; a longer one starts new files."""

logger = logging.getLogger(__name__)


class ZoneFiles:
    """Writes estimates and audio of a zone; files of the same period have the same name.

    Parameters
    ----------
    folder
        Folder of the recordings.
    metadata
        Metadata of the recording; must contain `zone`.
    seconds
        Length of a file.
    on_finished
        Called after files were completed.

    Raises
    ------
    OSError
        The disk is full, fails or is gone. Every method can raise it; then call `abandon`.
    """

    def __init__(
        self, folder: Path, metadata: Metadata, seconds: float, on_finished: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._metadata = metadata
        self._seconds = seconds
        self._on_finished = on_finished
        self._stem: Path | None = None
        self._started_at = 0.0  # capture time of the first estimate or block
        self._journal: Journal | None = None
        self._audio: FlacWriter | None = None
        self._next_sample = 0  # of the source
        self._audio_end = 0.0  # capture time of the end of the audio so far
        self._has_offset = False  # whether the journal has its sound_offset

    def write_update(self, update: Update, epoch: float) -> None:
        """Append an estimate; `epoch` is added to monotonic time to get seconds since 1970."""
        stem = self._stem_for(update.captured, epoch)
        if self._journal is None:
            self._journal = Journal(stem.with_name(stem.name + JOURNAL), self._metadata)
        if self._audio is not None and not self._has_offset:
            end = self._audio.length / self._audio.rate
            offset = end + update.captured - self._audio_end - update.time
            self._journal.add_metadata({"sound_offset": repr(offset)})
            self._has_offset = True
        self._journal.append(Row.from_update(update, epoch))

    def write_block(self, block: Block, rate: int, epoch: float) -> None:
        """Append audio at `rate` Hz, after silence for the samples that are missing."""
        gap = self._gap(block, rate) if self._audio is not None else 0
        if self._audio is not None and (rate != self._audio.rate or gap > MAX_SILENCE_S * rate):
            self.finish()
        stem = self._stem_for(block.captured, epoch)
        if self._audio is None:
            self._audio = FlacWriter(stem, rate, dict(self._metadata))
        else:
            self._audio.add_silence(gap)
        self._audio.add(block.samples)
        self._next_sample = block.end_sample
        self._audio_end = block.captured + len(block.samples) / rate

    def sync(self) -> None:
        """Flush to the disk."""
        if self._journal is not None:
            self._journal.sync()
        if self._audio is not None:
            self._audio.sync()

    def finish(self, *, pause: bool = True) -> None:
        """Complete the files; the next estimate or block opens new ones.

        `pause` lets other threads run while a journal is converted.
        """
        audio, journal = self._audio, self._journal
        if audio is not None:
            finished = audio.finish()
            self._audio = None
            logger.info("recorded %s", finished)
        if journal is not None:
            journal.close()
            self._journal = None
            if (table := finalize_journal(journal.path, pause=pause)) is not None:
                logger.info("recorded %s", table)
        if self._stem is not None:
            self._stem = None
            self._on_finished()

    def abandon(self) -> None:
        """Close the files without completing them, for `recover_recordings`; raises nothing."""
        for opened in (self._journal, self._audio):
            if opened is not None:
                with suppress(OSError):
                    opened.close()
        self._stem = self._journal = self._audio = None

    def _stem_for(self, captured: float, epoch: float) -> Path:
        """Return the path for content captured at that time; start new files if these are full."""
        if self._stem is not None and captured - self._started_at >= self._seconds:
            self.finish()
        if self._stem is None:
            self._stem = unused_stem(self._folder, self._metadata["zone"], captured + epoch)
            self._started_at = captured
            self._has_offset = False
        return self._stem

    def _gap(self, block: Block, rate: int) -> int:
        """Return the number of samples missing before a block.

        Sample numbers are exact. A source that was reopened counts from 0 again: use capture times.
        """
        missing = block.start_sample - self._next_sample
        if missing < 0:
            missing = round((block.captured - self._audio_end) * rate)
        return max(missing, 0)
