"""Record estimates, and audio if configured, to a folder; one thread does all disk work."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue

from streamer.audio.block import Block
from streamer.config import Record
from streamer.errors import UsageError
from streamer.helpers import require_package
from streamer.outputs.recording.disk_quota import free_space
from streamer.outputs.recording.writer import Writer
from streamer.outputs.sink import Sink
from streamer.tracking.update import Update

QUEUE_SIZE = 4000
"""Estimates and blocks that can wait for a slow disk; blocks use only half of it."""

CLOSE_TIMEOUT_S = 30.0
"""Time for which `close` waits for the disk."""

_SLOW_DISK_REPORT_S = 30.0  # for which a drop counts as an error
_MAINTENANCE_INTERVAL_S = 1.0

logger = logging.getLogger(__name__)

_Item = tuple[str, Update | tuple[Block, int]]


class Recorder(Sink):
    """Records the estimates of all zones, and their audio if configured, to a folder.

    Estimates and blocks are dropped and counted if the queue is full or the disk fails; tracking
    never waits. An error and its end are logged once.

    Parameters
    ----------
    config
        The `[record]` table, with its folder set.
    zones
        Input of each zone, by name.
    model
        Name of the weights.
    get_free_space
        Returns the free bytes on a folder's disk.
    queue_size
        Number of estimates and blocks that can wait. Default: 4000.

    Attributes
    ----------
    folder
        Folder of the recordings.
    audio
        Whether audio is recorded too.

    Raises
    ------
    UsageError
        The folder cannot be created or read, or the extra `record` is not installed.

    Examples
    --------
    ::

        recorder = Recorder(config.record, {"main": "demo"}, model=engine.model)
        recorder.offer_update("main", update)       # never blocks
        recorder.offer_audio("main", block, 48000)  # ignored unless config.record.audio
        await recorder.close()
    """

    def __init__(
        self,
        config: Record,
        zones: Mapping[str, str],
        *,
        model: str,
        get_free_space: Callable[[Path], int] = free_space,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        require_package("pyarrow.parquet", extra="record")
        self.folder = _create_folder(config.folder)
        self.audio = config.audio
        self._writer = Writer(self.folder, config, zones, model, get_free_space)
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._queue_size = queue_size
        self._rejected_updates = 0
        self._rejected_blocks = 0
        self._rejected_at = -math.inf
        self._slow_disk = f"the disk of {config.folder} is too slow: estimates or audio are dropped"
        self._thread = threading.Thread(target=self._run_writer, name="recorder", daemon=True)
        self._thread.start()

    @property
    def last_error(self) -> str:
        """Why not everything is recorded now; empty if all is well."""
        slow = time.monotonic() - self._rejected_at < _SLOW_DISK_REPORT_S
        return self._writer.last_error or (self._slow_disk if slow else "")

    @property
    def recorded(self) -> int:
        """Number of estimates written."""
        return self._writer.updates.written

    @property
    def dropped(self) -> int:
        """Number of estimates dropped."""
        return self._rejected_updates + self._writer.updates.dropped

    @property
    def dropped_blocks(self) -> int:
        """Number of audio blocks dropped; each becomes silence."""
        return self._rejected_blocks + self._writer.blocks.dropped

    def offer_update(self, zone: str, update: Update) -> None:
        """Queue an estimate, or drop and count it if the queue is full."""
        if self._queue.qsize() < self._queue_size:
            self._queue.put((zone, update))
        else:
            self._rejected_updates += 1
            self._report_slow_disk()

    def offer_audio(self, zone: str, block: Block, rate: int) -> None:
        """Queue a block at `rate` Hz if audio is recorded, or drop and count it."""
        if not self.audio:
            return
        if self._queue.qsize() < self._queue_size // 2:
            self._queue.put((zone, (block, rate)))
        else:
            self._rejected_blocks += 1
            self._report_slow_disk()

    async def close(self) -> None:
        """Run `finish` in a thread."""
        await asyncio.to_thread(self.finish)

    def finish(self) -> None:
        """Write the queue, complete the files and return; blocks, may be called twice.

        Takes 30 s at most; what is not complete by then stays as a journal.
        """
        if not self._thread.is_alive():
            return
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            logger.warning(
                "cannot finish recording within %g s: the disk is too slow; the next recording in "
                "that folder completes the files",
                CLOSE_TIMEOUT_S,
            )

    def _report_slow_disk(self) -> None:
        now = time.monotonic()
        if now - self._rejected_at > _SLOW_DISK_REPORT_S:
            logger.warning("%s", self._slow_disk)
        self._rejected_at = now

    def _run_writer(self) -> None:
        writer = self._writer
        writer.maintain()
        maintained_at = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=_MAINTENANCE_INTERVAL_S)
            except Empty:
                pass
            else:
                if item is None:
                    break
                zone, content = item
                if isinstance(content, Update):
                    writer.write_update(zone, content)
                else:
                    writer.write_block(zone, *content)
            if time.monotonic() - maintained_at >= _MAINTENANCE_INTERVAL_S:
                writer.maintain()
                maintained_at = time.monotonic()
        writer.finish()


def _create_folder(folder: Path | None) -> Path:
    if folder is None:
        raise UsageError("cannot record: no folder; name one with --record DIR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        next(folder.iterdir(), None)
    except OSError as error:
        raise UsageError(
            f"cannot record in {folder}: {error.strerror}; choose another folder"
        ) from None
    return folder
