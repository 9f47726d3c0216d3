"""Disk work of a recorder: write, retry after failures, keep within the quota. One thread only."""

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

RETRY_S = 5.0
"""Pause after a disk failure."""

logger = logging.getLogger(__name__)


@dataclass
class WriteCounter:
    """Numbers of written and dropped items."""

    written: int = 0
    dropped: int = 0

    def count(self, *, written: bool) -> None:
        """Count one item."""
        if written:
            self.written += 1
        else:
            self.dropped += 1


class Writer:
    """Writes estimates and audio of all zones; disk failures are logged, never raised.

    Parameters
    ----------
    folder
        Folder of the recordings.
    config
        The `[record]` table.
    zones
        Input of each zone, by name.
    model
        Name of the weights.
    get_free_space
        Returns the free bytes on a folder's disk.

    Attributes
    ----------
    last_error
        Why nothing is written now; empty if all is well. May be read from other threads.
    updates, blocks
        Numbers of estimates and audio blocks. May be read from other threads.
    """

    def __init__(
        self,
        folder: Path,
        config: Record,
        zones: Mapping[str, str],
        model: str,
        get_free_space: Callable[[Path], int],
    ) -> None:
        self.last_error = ""
        self.updates = WriteCounter()
        self.blocks = WriteCounter()
        self._folder = folder
        self._config = config
        self._quota = DiskQuota(folder, config.limit_gb, config.free_gb, get_free_space)
        self._clock = EpochClock()
        self._files = {
            zone: ZoneFiles(
                folder,
                {
                    "zone": zone,
                    "source": _to_utf8(source),
                    "version": __version__,
                    "model": _to_utf8(model),
                },
                config.minutes * 60,
                self._quota.delete_oldest,
            )
            for zone, source in zones.items()
        }
        self._paused = False  # because the disk is nearly full
        self._recovered = False  # whether unfinished files have been dealt with
        self._retry_at = 0.0

    def write_update(self, zone: str, update: Update) -> None:
        """Append an estimate to its zone's file, or drop it."""
        written = self._write(lambda: self._files[zone].write_update(update, self._clock.offset()))
        self.updates.count(written=written)
        if written and self.last_error:  # audio proves nothing, FFmpeg buffers some of it
            self._clear_error()

    def write_block(self, zone: str, block: Block, rate: int) -> None:
        """Append a block to its zone's audio, or drop it."""
        written = self._write(
            lambda: self._files[zone].write_block(block, rate, self._clock.offset())
        )
        self.blocks.count(written=written)

    def maintain(self) -> None:
        """Check the free space, recover unfinished files and flush; call it every second."""
        if time.monotonic() >= self._retry_at:
            self._attempt(self._maintain)

    def finish(self) -> None:
        """Complete all files."""
        self._attempt(lambda: self._finish(pause=False))

    def _write(self, action: Callable[[], None]) -> bool:
        """Run an action unless paused or waiting for a retry; return whether it succeeded."""
        possible = not self._paused and time.monotonic() >= self._retry_at
        return possible and self._attempt(action)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Run an action; after a failure abandon all files until the next retry."""
        try:
            action()
        except OSError as error:
            reason = error.strerror or str(error)
        except Exception as error:
            logger.exception("recording failed and will be retried")
            reason = str(error)
        else:
            return True
        for files in self._files.values():
            files.abandon()
        self._recovered = False
        self._retry_at = time.monotonic() + RETRY_S
        self._set_error(f"cannot record in {self._folder}: {reason}; trying again")
        return False

    def _maintain(self) -> None:
        if not self._recovered:
            self._folder.mkdir(exist_ok=True)
        if self._quota.is_low():
            if not self._paused:
                self._paused = True
                self._set_error(
                    f"less than {self._config.free_gb:g} GB are free for {self._folder}: recording "
                    "pauses; make room"
                )
                self._finish(pause=True)
            return
        if self._paused:
            self._paused = False
            self._clear_error()
        self._recover()
        for files in self._files.values():
            files.sync()

    def _finish(self, *, pause: bool) -> None:
        for files in self._files.values():
            files.finish(pause=pause)
        self._recover()

    def _recover(self) -> None:
        """Complete the files that a crash or a disk failure left."""
        if self._recovered:
            return
        for path in recover_recordings(self._folder):
            logger.info("recovered %s from an interrupted recording", path)
        self._quota.delete_oldest()
        self._recovered = True

    def _set_error(self, error: str) -> None:
        if error != self.last_error:
            logger.warning("%s", error)
        self.last_error = error

    def _clear_error(self) -> None:
        logger.info("recording resumes in %s", self._folder, extra={"cause": self.last_error})
        self.last_error = ""


def _to_utf8(text: str) -> str:
    """Replace what UTF-8 cannot encode; file names may contain arbitrary bytes."""
    return text.encode(errors="replace").decode()
