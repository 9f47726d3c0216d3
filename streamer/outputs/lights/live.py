"""A show that is done beside a run or a replay, in the same process."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from streamer.errors import UsageError
from streamer.outputs.lights.load import load_show
from streamer.outputs.lights.player import Lights
from streamer.outputs.lights.watch import watch_show
from streamer.tracking.update import Update

_MANY = 100  # fixtures, which take a millisecond a frame

logger = logging.getLogger(__name__)


class LiveShow:
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
        self._lights = Lights(load_show(path), node=node)
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
    def lights(self) -> Lights:
        """What is driven, for a picture of it."""
        return self._lights

    def hear(self, zone: str, update: Update) -> None:
        """Take an update of any zone; never waits."""
        if zone == self._lights.zone:
            self._lights.feel(update.smooth, update.silence)

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
