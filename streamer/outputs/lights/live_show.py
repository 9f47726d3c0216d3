"""Drive lights inside a run or replay, and reload the show file when it changes."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from streamer.errors import StreamerError, UsageError
from streamer.outputs.lights.light_controller import LightController
from streamer.outputs.lights.show_file import load_show
from streamer.outputs.sink import Sink
from streamer.tracking.update import Update

_MANY_FIXTURES = 100  # a frame of them takes a millisecond
_POLL_INTERVAL_S = 1.0

logger = logging.getLogger(__name__)


class LiveShow(Sink):
    """Lights that follow one zone of this process; their failures affect nothing else.

    Parameters
    ----------
    path
        Show file.
    node
        Name of this machine.
    zones
        Names of the tracked zones.

    Attributes
    ----------
    controller
        The light controller.

    Raises
    ------
    UsageError
        The show file is invalid, or follows none of the zones.
    """

    def __init__(self, path: Path, *, node: str, zones: Sequence[str]) -> None:
        self._path = path
        self._reload = asyncio.Event()
        self.controller = LightController(load_show(path), node=node)
        zone = self.controller.zone
        if zone not in zones:
            raise UsageError(
                f'cannot follow [show] zone = "{zone}" of {path}: it is not tracked; choose '
                f"{' or '.join(zones)}"
            )
        if len(self.controller.show.fixtures) > _MANY_FIXTURES:
            logger.warning(
                "%s has more than %d fixtures, which slow down tracking; run `streamer lights` in "
                "a process of its own",
                path,
                _MANY_FIXTURES,
            )

    @property
    def summary(self) -> str:
        """Zone, number of fixtures and outputs, in one line."""
        show = self.controller.show
        return (
            f"zone {self.controller.zone}, {len(show.fixtures)} fixtures, "
            f"outputs {', '.join(output.name for output in show.outputs)}"
        )

    def offer_update(self, zone: str, update: Update) -> None:
        """Pass an update of the followed zone to the light controller."""
        if zone == self.controller.zone:
            self.controller.update(update.smooth, update.silence)

    def reload(self) -> None:
        """Reload the show file, even if it looks unchanged."""
        self._reload.set()

    async def run(self) -> None:
        """Drive the lights until cancelled, then end the streams."""
        await asyncio.gather(
            _log_failure("lights", self.controller.run()),
            _log_failure(
                "show file watcher", watch_show(self._path, self.controller, reload=self._reload)
            ),
        )


async def watch_show(
    path: Path,
    controller: LightController,
    *,
    reload: asyncio.Event | None = None,
    interval: float = _POLL_INTERVAL_S,
) -> None:
    """Reload the show file whenever it changes, until cancelled.

    Polls the file's status, which also works on network file systems. An invalid or missing file is
    logged, and the current show continues.

    Parameters
    ----------
    path
        Show file.
    controller
        Runs the show.
    reload
        Set it to reload at once, even if the file looks unchanged.
    interval
        Seconds between two polls. Default: 1.
    """
    reload = asyncio.Event() if reload is None else reload
    status = None  # so that the first poll notices a change since the file was loaded
    for number in count(1):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await reload.wait()
        current = await asyncio.to_thread(_file_status, path)
        if current == status and not reload.is_set():
            continue
        status = current
        reload.clear()
        cause = {"cause": f"show {number}"}  # every change is logged, however soon it follows
        try:
            show = await asyncio.to_thread(load_show, path)
        except StreamerError as error:
            logger.error("cannot reload the show, it continues as is: %s", error, extra=cause)  # noqa: TRY400
            continue
        if show != controller.show:
            zone_changed = show.settings.zone != controller.show.settings.zone
            controller.replace_show(show)
            logger.info("reloaded show file %s", path, extra=cause)
            if zone_changed:
                logger.warning("[show] zone takes effect at the next start", extra=cause)


async def _log_failure(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Run a task; log its failure instead of raising it."""
    try:
        await work
    except Exception:
        logger.exception("the %s failed", name)


def _file_status(path: Path) -> tuple[int, int, int] | None:
    """Return modification time, size and inode of a file; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
