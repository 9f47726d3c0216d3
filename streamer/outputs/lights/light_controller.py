"""A show that follows the music: frames by the clock, from whatever was felt last."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from streamer.outputs.lights.active_show import ActiveShow, ShowContext, build
from streamer.outputs.lights.color import LinearRgb
from streamer.outputs.lights.show import LONGEST_DELAY, Show
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.tracking.update import Affect

_PATIENCE = 5.0  # seconds in which a first estimate may be expected

logger = logging.getLogger(__name__)


class FixtureLevel(NamedTuple):
    """A fixture as it shines.

    Attributes
    ----------
    name
        Its name.
    color
        LinearRgb light, scaled by the intensity.
    intensity
        From 0 to 1.
    """

    name: str
    color: LinearRgb
    intensity: float


class LightController:
    """Drives the lights of a show; `run` sends frames until it is cancelled.

    All methods belong to the event loop's thread, and none of them waits: sockets do not block,
    what cannot be sent is logged once for each cause and tried again with the next frame.

    Parameters
    ----------
    show
        What to do; see `load_show`.
    node
        Name of this machine, for OSC addresses and the name of the sACN source.
    zone
        The zone that is followed, if not the show's.
    dry
        Send nothing, as for a preview.
    clock
        Seconds that never go back.

    Examples
    --------
    >>> lights = LightController(load_show(Path("show.toml")), node="studio")
    >>> async with asyncio.TaskGroup() as group:
    ...     running = group.create_task(lights.run())
    ...     lights.update(update.smooth, update.silence)
    ...     running.cancel()
    """

    def __init__(
        self,
        show: Show,
        *,
        node: str,
        zone: str | None = None,
        dry: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = ShowContext(node, zone or show.settings.zone, dry)
        self._clock = clock
        self._timeline = Timeline(LONGEST_DELAY)
        self._active = build(show, self._names)
        self._drawn: float | None = None
        self._lost = False
        self._warns_at: float | None = None
        self._warned = False
        self._closed = False

    @property
    def zone(self) -> str:
        """The zone whose estimates are to be felt."""
        return self._names.zone

    @property
    def show(self) -> Show:
        """What is done."""
        return self._active.show

    @property
    def active(self) -> ActiveShow:
        """How the show stands now, for a picture of it; to be read only."""
        return self._active

    def fixture_levels(self) -> list[FixtureLevel]:
        """Return every fixture as it shines now."""
        found = []
        for name, each in self._active.fixtures.items():
            share = self._active.stages[each.place.fixture.output].clock.loss.share
            found.append(FixtureLevel(name, each.lamp.shining(share), share * each.lamp.intensity))
        return found

    def output_errors(self) -> dict[str, str]:
        """Return why outputs cannot send, by their names; nothing of those that can."""
        wires = {name: stage.sender.wire for name, stage in self._active.stages.items()}
        return {name: wire.trouble for name, wire in wires.items() if wire.trouble}

    @property
    def latest(self) -> TimedAffect | None:
        """What was felt last; None before the first."""
        return self._timeline.at(math.inf)

    @property
    def signal_lost(self) -> bool:
        """Whether estimates came, and stay out now."""
        return self._lost

    def update(self, affect: Affect, silence: bool) -> None:
        """Follow this estimate from now on; one that is not finite is left out."""
        numbers = affect.valence, affect.arousal, affect.valence_std, affect.arousal_std
        if all(map(math.isfinite, numbers)):
            inside = replace(affect, valence=_clip(affect.valence), arousal=_clip(affect.arousal))
            self._timeline.add(TimedAffect(self._clock(), inside, silence))

    def replace(self, show: Show) -> None:
        """Do this show from now on; fixtures of the same name go on from where they are.

        The zone that is followed stays.
        """
        self._active = build(show, self._names, self._active)

    async def run(self) -> None:
        """Send a frame every 1 / rate seconds; at the end, end the streams.

        Frames keep to a schedule, so their rate does not drift; one that comes too late is left
        out.
        """
        due = self._clock()
        try:
            while True:
                self.step()
                period = 1 / self.show.settings.rate
                late = self._clock() - due
                due += period * max(1, math.ceil(late / period))
                await asyncio.sleep(due - self._clock())
        finally:
            self.close()

    def step(self) -> None:
        """Work out the frame of this moment, and send what changed."""
        now = self._clock()
        seconds = 0.0 if self._drawn is None else now - self._drawn
        self._drawn = now
        for stage in self._active.stages.values():
            stage.step(self._timeline, now, seconds)
        self._tell_absence(now)
        self._tell_loss(now)

    def close(self) -> None:
        """End the streams (sACN says so on the wire), and close the sockets."""
        if not self._closed:
            self._closed = True
            for stage in self._active.stages.values():
                stage.sender.close()

    def _tell_absence(self, now: float) -> None:
        if self._warns_at is None:
            self._warns_at = now + _PATIENCE
        if self.latest is None and not self._warned and now > self._warns_at:
            self._warned = True
            said = "no estimates of the zone %s have come yet: is `streamer run` tracking it?"
            logger.warning(said, self.zone)

    def _tell_loss(self, now: float) -> None:
        settings, last = self.show.settings, self.latest
        lost = last is not None and now - last.time > settings.loss_after
        if lost == self._lost:
            return
        self._lost = lost
        if lost:
            held = "is held" if settings.on_loss == "hold" else "fades"
            logger.warning("no estimates for %g s: the look %s", settings.loss_after, held)
        else:
            logger.info("estimates come again")


def _clip(coordinate: float) -> float:
    return min(1.0, max(-1.0, coordinate))
