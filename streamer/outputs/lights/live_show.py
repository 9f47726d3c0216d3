"""A show that is done beside a run or a replay, in the same process.

A show file that is edited while the show runs.
"""

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

_MANY = 100  # fixtures, which take a millisecond a frame

logger = logging.getLogger(__name__)


class LiveShow(Sink):
    """Lights that follow the updates of one zone; whatever fails in them harms nothing else.

    Parameters
    ----------
    path
        The show file.
    node
        Name of this machine.
    zones
        The zones there are.

    Raises
    ------
    UsageError
        The show file is wrong, or follows none of the zones.
    """

    def __init__(self, path: Path, *, node: str, zones: Sequence[str]) -> None:
        self._path = path
        self._lights = LightController(load_show(path), node=node)
        self._reload = asyncio.Event()
        if len(self._lights.show.fixtures) > _MANY:
            logger.warning(
                "%s has many fixtures; `streamer lights` in a process of its own drives them "
                "without a share of the tracker's time",
                path,
            )
        if self._lights.zone not in zones:
            raise UsageError(
                f'{path}: [show] zone = "{self._lights.zone}" is not tracked; there is '
                f"{' and '.join(zones)}"
            )

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        show = self._lights.show
        return (
            f"zone {self._lights.zone}, {len(show.fixtures)} fixtures, "
            f"outputs {', '.join(output.name for output in show.outputs)}"
        )

    @property
    def lights(self) -> LightController:
        """What is driven, for a picture of it."""
        return self._lights

    def offer_update(self, zone: str, update: Update) -> None:
        """Let the lights follow an update of their zone."""
        if zone == self._lights.zone:
            self._lights.update(update.smooth, update.silence)

    def reload(self) -> None:
        """Read the show file again, even where it looks the same."""
        self._reload.set()

    async def run(self) -> None:
        """Drive the lights until cancelled; the streams are ended then."""
        await asyncio.gather(
            _alone("lights", self._lights.run()),
            _alone("watch on the show file", self._watch()),
        )

    async def _watch(self) -> None:
        await watch_show(self._path, self._lights, reload=self._reload)


async def _alone(what: str, work: Coroutine[Any, Any, None]) -> None:
    """Do work whose failure is nobody else's."""
    try:
        await work
    except Exception:
        logger.exception("the %s failed", what)


_EVERY = 1.0
_Mark = tuple[int, int, int] | None

logger = logging.getLogger(__name__)


async def watch_show(
    path: Path, lights: LightController, *, reload: asyncio.Event | None = None
) -> None:
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
