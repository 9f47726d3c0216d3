"""What hears a run beside the broker: the recorder and the lights, where they are configured."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.audio import Block
from streamer.config import Config
from streamer.errors import UsageError
from streamer.mqtt import default_node
from streamer.tracking import Update
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.lights import Lights
    from streamer.outputs.recording import Recorder

logger = logging.getLogger(__name__)


class Attached:
    """Recorder and lights of one run.

    Parameters
    ----------
    config
        Whose `[record]` and `[lights]` tables are heeded.
    trackers
        By the names of the zones.
    model
        The name of the weights.

    Attributes
    ----------
    hears
        To be called with each zone's name and update; none of them waits or raises.
    recorder
        None where nothing is recorded.

    Raises
    ------
    UsageError
        The show file is wrong, follows another zone, or a package is missing.
    """

    def __init__(self, config: Config, trackers: dict[str, ZoneTracker], model: str) -> None:
        self.hears: list[Callable[[str, Update], None]] = []
        self.recorder: Recorder | None = None
        self._trackers = trackers
        self._reload = asyncio.Event()
        self._lights: tuple[Path, Lights] | None = None
        if config.lights.show is not None:
            self._light(config, config.lights.show)
        if config.record.folder is not None:
            self._record(config, model)

    def sound(self, zone: str, block: Block) -> None:
        """Take a block that a zone heard."""
        recorder, source = self.recorder, self._trackers[zone].source
        if recorder is not None and recorder.audio and source is not None:
            recorder.sound(zone, block, source.rate)

    def reload(self) -> None:
        """Read the show file again."""
        self._reload.set()

    async def run(self) -> None:
        """Drive the lights until cancelled."""
        if self._lights is None:
            return
        from streamer.outputs.lights import watch_show

        path, lights = self._lights
        await asyncio.gather(
            _alone("lights", lights.run()),
            _alone("show file", watch_show(path, lights, reload=self._reload)),
        )

    async def close(self) -> None:
        """Finish what is recorded; takes some seconds at most."""
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)

    def _record(self, config: Config, model: str) -> None:
        from streamer.outputs.recording import Recorder

        inputs = {tracker.id: tracker.input for tracker in self._trackers.values()}
        self.recorder = Recorder(config.record, inputs, model=model)
        self.hears.append(self.recorder.update)

    def _light(self, config: Config, path: Path) -> None:
        from streamer.outputs.lights import Lights, load_show

        lights = Lights(load_show(path), node=config.mqtt.node or default_node())
        zones = [zone.id for zone in config.zones]
        if lights.zone not in zones:
            raise UsageError(
                f'{path}: [show] zone = "{lights.zone}" is not tracked; there are '
                f"{', '.join(zones)}"
            )
        self._lights = (path, lights)

        def feel(zone: str, update: Update) -> None:
            if zone == lights.zone:
                lights.feel(update.smooth, update.silence)

        self.hears.append(feel)


async def _alone(what: str, work: Coroutine[Any, Any, None]) -> None:
    """Do work whose failure is nobody else's."""
    try:
        await work
    except Exception:
        logger.exception("the %s failed; tracking goes on", what)
