"""A show file that is edited while the show runs."""

import asyncio
import contextlib
import logging
from itertools import count
from pathlib import Path

from streamer.errors import StreamerError
from streamer.outputs.lights.load import load_show
from streamer.outputs.lights.player import Lights

_EVERY = 1.0
_Mark = tuple[int, int, int] | None

logger = logging.getLogger(__name__)


async def watch_show(path: Path, lights: Lights, *, reload: asyncio.Event | None = None) -> None:
    """Take over the show file whenever it changes, until cancelled.

    It is looked at once a second. A file that is no good, or gone, is told, and the last good show
    goes on.

    Parameters
    ----------
    path
        The show file, as it was loaded.
    lights
        What follows it.
    reload
        Set to read the file at once, even where it looks the same.
    """
    reload = asyncio.Event() if reload is None else reload
    seen: _Mark = None  # so that a change between loading and watching is seen
    for number in count(1):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EVERY):
                await reload.wait()
        mark = await asyncio.to_thread(_mark, path)
        if mark == seen and not reload.is_set():
            continue
        seen = mark
        reload.clear()
        cause = {"cause": f"show {number}"}  # each change is answered, however soon it comes
        try:
            show = await asyncio.to_thread(load_show, path)
        except StreamerError as error:
            logger.error("the show goes on as it was: %s", error, extra=cause)  # noqa: TRY400
            continue
        if show != lights.show:
            waits = show.settings.zone != lights.show.settings.zone
            lights.replace(show)
            logger.info("show file read again: %s", path, extra=cause)
            if waits:
                logger.warning("[show] zone waits for the next start", extra=cause)


def _mark(path: Path) -> _Mark:
    """Return what tells one state of the file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
