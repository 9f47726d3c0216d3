"""What hears a run beside the broker: the recorder and the lights, where they are configured."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from streamer.audio import Block
from streamer.config import Config
from streamer.mqtt import default_node
from streamer.tracking import Update
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.lights import LiveShow
    from streamer.outputs.recording import Recorder


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
    recorder, show
        None where nothing is recorded, and where there are no lights.

    Raises
    ------
    UsageError
        The show file is wrong, follows another zone, or a package is missing.
    """

    def __init__(self, config: Config, trackers: Mapping[str, ZoneTracker], model: str) -> None:
        self.hears: list[Callable[[str, Update], None]] = []
        self.recorder = _recorder(config, trackers, model)
        if self.recorder is not None:
            self.hears.append(self.recorder.update)
        self.show = _show(config)
        if self.show is not None:
            self.hears.append(self.show.hear)
        self._trackers = trackers

    def sound(self, zone: str, block: Block) -> None:
        """Take a block that a zone heard."""
        recorder, source = self.recorder, self._trackers[zone].source.current
        if recorder is not None and recorder.audio and source is not None:
            recorder.sound(zone, block, source.rate)

    def reload(self) -> None:
        """Read the show file again."""
        if self.show is not None:
            self.show.reload()

    async def run(self) -> None:
        """Drive the lights until cancelled."""
        if self.show is not None:
            await self.show.run()

    async def close(self) -> None:
        """Finish what is recorded; takes some seconds at most."""
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)


def _recorder(config: Config, trackers: Mapping[str, ZoneTracker], model: str) -> "Recorder | None":
    if config.record.folder is None:
        return None
    from streamer.outputs.recording import Recorder

    inputs = {tracker.id: tracker.input for tracker in trackers.values()}
    return Recorder(config.record, inputs, model=model)


def _show(config: Config) -> "LiveShow | None":
    if config.lights.show is None:
        return None
    from streamer.outputs.lights import LiveShow

    zones = [zone.id for zone in config.zones]
    return LiveShow(config.lights.show, node=config.mqtt.node or default_node(), zones=zones)
