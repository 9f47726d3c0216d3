"""The files of one zone: begun with the first that comes, finished when they are long enough."""

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

LONGEST_GAP = 60.0
"""Seconds without sound that become silence; after a longer gap another file begins."""

logger = logging.getLogger(__name__)


class ZoneFiles:
    """Writes what a zone says and hears; estimates and sound of a stretch have the same name.

    Parameters
    ----------
    folder
        Where to record.
    metadata
        What is recorded; `zone` among it.
    seconds
        Length of a file.
    on_finished
        Called when files were completed.

    Raises
    ------
    OSError
        The disk is full, fails or is gone. So may every method; then `abandon` the files.
    """

    def __init__(
        self, folder: Path, metadata: Metadata, seconds: float, on_finished: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._metadata = metadata
        self._seconds = seconds
        self._on_finished = on_finished
        self._stem: Path | None = None
        self._begun = 0.0  # when captured
        self._journal: Journal | None = None
        self._sound: FlacWriter | None = None
        self._next_sample = 0  # of the source
        self._heard = 0.0  # when the sound so far was captured to its end
        self._aligned = False

    def update(self, update: Update, epoch: float) -> None:
        """Append an estimate; `epoch` leads from monotonic time to seconds since 1970."""
        stem = self._stem_for(update.captured, epoch)
        if self._journal is None:
            self._journal = Journal(stem.with_name(stem.name + JOURNAL), self._metadata)
        if self._sound is not None and not self._aligned:
            end = self._sound.length / self._sound.rate
            offset = end + update.captured - self._heard - update.time
            self._journal.note({"sound_offset": repr(offset)})
            self._aligned = True
        self._journal.add(Row.from_update(update, epoch))

    def sound(self, block: Block, rate: int, epoch: float) -> None:
        """Append sound at `rate` Hz. What is missing before it becomes silence of that length."""
        gap = self._gap(block, rate) if self._sound is not None else 0
        if self._sound is not None and (rate != self._sound.rate or gap > LONGEST_GAP * rate):
            self.finish()
        stem = self._stem_for(block.captured, epoch)
        if self._sound is None:
            self._sound = FlacWriter(stem, rate, dict(self._metadata))
        else:
            self._sound.add_silence(gap)
        self._sound.add(block.samples)
        self._next_sample = block.end_sample
        self._heard = block.captured + len(block.samples) / rate

    def sync(self) -> None:
        """Bring to the disk what it was given."""
        if self._journal is not None:
            self._journal.sync()
        if self._sound is not None:
            self._sound.sync()

    def finish(self, *, hurry: bool = False) -> None:
        """Complete the files, in a `hurry` or not; the next estimate or block begins others."""
        sound, journal = self._sound, self._journal
        if sound is not None:
            finished = sound.finish()
            self._sound = None
            logger.info("recorded %s", finished)
        if journal is not None:
            journal.close()
            self._journal = None
            if (table := finalize_journal(journal.path, hurry=hurry)) is not None:
                logger.info("recorded %s", table)
        if self._stem is not None:
            self._stem = None
            self._on_finished()

    def abandon(self) -> None:
        """Let the files be as they are; `recover_recordings` completes them. Raises nothing."""
        for opened in (self._journal, self._sound):
            if opened is not None:
                with suppress(OSError):
                    opened.close()
        self._stem = self._journal = self._sound = None

    def _stem_for(self, captured: float, epoch: float) -> Path:
        """Return where that moment belongs, in another file if the present one is full."""
        if self._stem is not None and captured - self._begun >= self._seconds:
            self.finish()
        if self._stem is None:
            self._stem = unused_stem(self._folder, self._metadata["zone"], captured + epoch)
            self._begun = captured
            self._aligned = False
        return self._stem

    def _gap(self, block: Block, rate: int) -> int:
        """Return the samples missing before a block.

        Samples tell exactly, but for a source that was opened anew and counts from 0 again.
        """
        missing = block.start_sample - self._next_sample
        if missing < 0:
            missing = round((block.captured - self._heard) * rate)
        return max(missing, 0)
