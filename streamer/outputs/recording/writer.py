"""All that a recording does to the disk, with what may go wrong there. Belongs to one thread."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from streamer import __version__
from streamer.audio.block import Block
from streamer.config import Record
from streamer.helpers import EpochClock
from streamer.outputs.recording.disk_quota import DiskQuota
from streamer.outputs.recording.recovery import recover_recordings
from streamer.outputs.recording.zone_files import ZoneFiles
from streamer.tracking.update import Update

RETRY = 5.0
"""Seconds until a disk that failed is tried again."""

logger = logging.getLogger(__name__)


@dataclass
class Tally:
    """What became of what was to be written."""

    written: int = 0
    dropped: int = 0

    def count(self, *, written: bool) -> None:
        """Count one."""
        if written:
            self.written += 1
        else:
            self.dropped += 1


class Writer:
    """Writes what it is given; raises nothing, whatever becomes of the disk.

    Parameters
    ----------
    folder
        Where to record.
    config
        The `[record]` table.
    zones
        What each zone listens to, by the zone's name.
    model
        The name of the weights.
    look
        Returns the bytes free on a folder's disk.

    Attributes
    ----------
    trouble
        Why nothing is written; empty while all is well.
    updates, blocks
        How many were written and how many dropped. May be read from other threads.
    """

    def __init__(
        self,
        folder: Path,
        config: Record,
        zones: Mapping[str, str],
        model: str,
        look: Callable[[Path], int],
    ) -> None:
        self.trouble = ""
        self.updates = Tally()
        self.blocks = Tally()
        self._folder = folder
        self._config = config
        self._space = DiskQuota(folder, config.limit_gb, config.free_gb, look)
        self._clock = EpochClock()
        self._files = {
            zone: ZoneFiles(
                folder,
                {
                    "zone": zone,
                    "source": _sayable(source),
                    "version": __version__,
                    "model": _sayable(model),
                },
                config.minutes * 60,
                self._space.trim,
            )
            for zone, source in zones.items()
        }
        self._paused = False
        self._adopted = False
        self._next_try = 0.0

    def update(self, zone: str, update: Update) -> None:
        """Append an estimate to its zone's file."""
        written = self._write(lambda: self._files[zone].update(update, self._clock.offset()))
        self.updates.count(written=written)
        if written and self.trouble:  # sound proves nothing, FFmpeg keeps some of it back
            self._go_on()

    def sound(self, zone: str, block: Block, rate: int) -> None:
        """Append a block to its zone's sound."""
        written = self._write(lambda: self._files[zone].sound(block, rate, self._clock.offset()))
        self.blocks.count(written=written)

    def look_after(self) -> None:
        """See to the room on the disk and to what lies unfinished; to be called each second."""
        if time.monotonic() >= self._next_try:
            self._do(self._keep_house)

    def finish(self) -> None:
        """Complete all files."""
        self._do(lambda: self._finish(hurry=True))

    def _write(self, action: Callable[[], None]) -> bool:
        """Write something, unless there is no room or the disk failed a moment ago."""
        possible = not self._paused and time.monotonic() >= self._next_try
        return possible and self._do(action)

    def _do(self, action: Callable[[], None]) -> bool:
        """Do something; after a failure all files are left as they are until the next try."""
        try:
            action()
        except OSError as error:
            reason = error.strerror or str(error)
        except Exception as error:
            logger.exception("recording failed and will be tried again")
            reason = str(error)
        else:
            return True
        for files in self._files.values():
            files.abandon()
        self._adopted = False
        self._next_try = time.monotonic() + RETRY
        self._complain(f"cannot record in {self._folder}: {reason}; trying again")
        return False

    def _keep_house(self) -> None:
        if not self._adopted:
            self._folder.mkdir(exist_ok=True)
        if self._space.short():
            if not self._paused:
                self._paused = True
                self._complain(
                    f"less than {self._config.free_gb:g} GB are free for {self._folder}: recording "
                    "pauses; make room"
                )
                self._finish(hurry=False)
            return
        if self._paused:
            self._paused = False
            self._go_on()
        self._adopt()
        for files in self._files.values():
            files.sync()

    def _finish(self, *, hurry: bool) -> None:
        for files in self._files.values():
            files.finish(hurry=hurry)
        self._adopt()

    def _adopt(self) -> None:
        """Complete what a crash, or a disk that failed, has left."""
        if self._adopted:
            return
        for path in recover_recordings(self._folder):
            logger.info("completed %s, which was left unfinished", path)
        self._space.trim()
        self._adopted = True

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            logger.warning("%s", trouble)
        self.trouble = trouble

    def _go_on(self) -> None:
        logger.info("recording goes on in %s", self._folder, extra={"cause": self.trouble})
        self.trouble = ""


def _sayable(text: str) -> str:
    """Return text that UTF-8 can hold; names of files may hold other bytes."""
    return text.encode(errors="replace").decode()
