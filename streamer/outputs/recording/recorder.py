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

QUEUE = 4000
"""Estimates and blocks that may wait for a slow disk, at most; blocks only for half of them."""

CLOSING = 30.0
"""Seconds for which `close` waits for the disk."""

_LATELY = 30.0  # seconds
_LOOK = 1.0  # seconds between two looks at the disk

logger = logging.getLogger(__name__)

_Item = tuple[str, Update | tuple[Block, int]]


class Recorder(Sink):
    """Writes the zones' estimates, and their sound where that is wanted, to a folder.

    What does not fit into the queue, or comes while the disk is full or fails, is dropped and
    counted; tracking never notices. Trouble is logged once for each cause, and so is its end.

    Parameters
    ----------
    config
        The `[record]` table, with its folder set.
    zones
        What each zone listens to, by the zone's name.
    model
        The name of the weights.
    look
        Returns the bytes free on a folder's disk.
    room
        How many estimates and blocks may wait.

    Attributes
    ----------
    folder
        Where it records.
    audio
        Whether audio is recorded too.

    Raises
    ------
    UsageError
        The folder cannot be made or read, or the extra `record` is not installed.

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
        look: Callable[[Path], int] = free_space,
        room: int = QUEUE,
    ) -> None:
        require_package("pyarrow.parquet", extra="record")
        self.folder = _made(config.folder)
        self.audio = config.audio
        self._writer = Writer(self.folder, config, zones, model, look)
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._room = room
        self._refused_updates = 0
        self._refused_blocks = 0
        self._refused_at = -math.inf
        self._slow = f"the disk of {config.folder} does not keep up: not all is recorded"
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why not all is recorded at present; empty while all is well."""
        late = time.monotonic() - self._refused_at < _LATELY
        return self._writer.trouble or (self._slow if late else "")

    @property
    def recorded(self) -> int:
        """Estimates written since the start."""
        return self._writer.updates.written

    @property
    def dropped(self) -> int:
        """Estimates that were not written since the start."""
        return self._refused_updates + self._writer.updates.dropped

    @property
    def dropped_blocks(self) -> int:
        """Blocks of sound that were not written since the start; each becomes silence."""
        return self._refused_blocks + self._writer.blocks.dropped

    def offer_update(self, zone: str, update: Update) -> None:
        """Queue an estimate, or drop and count it if the queue is full."""
        if self._queue.qsize() < self._room:
            self._queue.put((zone, update))
        else:
            self._refused_updates += 1
            self._refuse()

    def offer_audio(self, zone: str, block: Block, rate: int) -> None:
        """Queue a block at `rate` Hz if audio is recorded, or drop and count it."""
        if not self.audio:
            return
        if self._queue.qsize() < self._room // 2:
            self._queue.put((zone, (block, rate)))
        else:
            self._refused_blocks += 1
            self._refuse()

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
        self._thread.join(CLOSING)
        if self._thread.is_alive():
            logger.warning(
                "the disk takes too long; the next recording in that folder completes the files"
            )

    def _refuse(self) -> None:
        now = time.monotonic()
        if now - self._refused_at > _LATELY:
            logger.warning("%s", self._slow)
        self._refused_at = now

    def _work(self) -> None:
        writer = self._writer
        writer.look_after()
        looked = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=_LOOK)
            except Empty:
                pass
            else:
                if item is None:
                    break
                zone, content = item
                if isinstance(content, Update):
                    writer.update(zone, content)
                else:
                    writer.sound(zone, *content)
            if time.monotonic() - looked >= _LOOK:
                writer.look_after()
                looked = time.monotonic()
        writer.finish()


def _made(folder: Path | None) -> Path:
    if folder is None:
        raise UsageError("there is no folder to record in; name one: --record DIR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        next(folder.iterdir(), None)
    except OSError as error:
        raise UsageError(
            f"cannot record in {folder}: {error.strerror}; choose another folder"
        ) from None
    return folder
