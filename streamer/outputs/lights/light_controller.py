"""Light controller: renders a show's frames at a fixed rate from the newest estimates."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from streamer.outputs.lights.active_show import ActiveShow, ShowContext, activate_show
from streamer.outputs.lights.color import LinearRgb
from streamer.outputs.lights.show import MAX_DELAY_S, Show
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.tracking.update import Affect

_FIRST_ESTIMATE_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)


class FixtureLevel(NamedTuple):
    """What a fixture emits now.

    Attributes
    ----------
    name
        Name of the fixture.
    color
        Linear light, scaled by the intensity.
    intensity
        0..1.
    """

    name: str
    color: LinearRgb
    intensity: float


class LightController:
    """Drives the lights of a show; `run` sends frames until it is cancelled.

    All methods belong to the event loop's thread, and none blocks. A datagram that cannot be sent
    is logged once per cause; the next frame tries again. On signal loss the lights hold or fade,
    see `signal_loss`.

    Parameters
    ----------
    show
        The show; see `load_show`.
    node
        Name of this machine, for OSC addresses and the sACN source name.
    zone
        Zone to follow. Default: the show's.
    dry_run
        Send nothing, as for a preview.
    clock
        Monotonic time in seconds.

    Examples
    --------
    >>> controller = LightController(load_show(Path("show.toml")), node="studio")
    >>> async with asyncio.TaskGroup() as group:
    ...     running = group.create_task(controller.run())
    ...     controller.update(update.smooth, update.silence)
    ...     running.cancel()
    """

    def __init__(
        self,
        show: Show,
        *,
        node: str,
        zone: str | None = None,
        dry_run: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = ShowContext(node, zone or show.settings.zone, dry_run)
        self._clock = clock
        self._timeline = Timeline(MAX_DELAY_S)
        self._active = activate_show(show, self._context)
        self._rendered_at: float | None = None
        self._signal_lost = False
        self._first_estimate_deadline: float | None = None
        self._warned_no_estimates = False
        self._closed = False

    @property
    def zone(self) -> str:
        """Zone whose estimates to pass to `update`."""
        return self._context.zone

    @property
    def show(self) -> Show:
        """Settings of the running show."""
        return self._active.show

    @property
    def active(self) -> ActiveShow:
        """State of the running show, read-only, for a preview."""
        return self._active

    @property
    def latest(self) -> TimedAffect | None:
        """The newest estimate; None before the first."""
        return self._timeline.at(math.inf)

    @property
    def signal_lost(self) -> bool:
        """Whether estimates arrived earlier, but none within `loss_after` seconds."""
        return self._signal_lost

    def fixture_levels(self) -> list[FixtureLevel]:
        """Return what every fixture emits now."""
        levels = []
        for name, each in self._active.fixtures.items():
            renderer = self._active.renderers[each.patched.fixture.output]
            master = renderer.clock.loss.master
            color = each.state.dimmed_color(master)
            levels.append(FixtureLevel(name, color, master * each.state.intensity))
        return levels

    def output_errors(self) -> dict[str, str]:
        """Return the last error of each output that cannot send, by name."""
        senders = {name: renderer.sender.udp for name, renderer in self._active.renderers.items()}
        return {name: udp.last_error for name, udp in senders.items() if udp.last_error}

    def update(self, affect: Affect, silence: bool) -> None:
        """Follow this estimate from now on; ignore one that is not finite."""
        numbers = affect.valence, affect.arousal, affect.valence_std, affect.arousal_std
        if all(map(math.isfinite, numbers)):
            clipped = replace(affect, valence=_clip(affect.valence), arousal=_clip(affect.arousal))
            self._timeline.add(TimedAffect(self._clock(), clipped, silence))

    def replace_show(self, show: Show) -> None:
        """Switch to another show; fixtures of the same name continue from their state.

        The zone that is followed stays.
        """
        self._active = activate_show(show, self._context, self._active)

    async def run(self) -> None:
        """Render a frame every 1 / rate seconds until cancelled, then end the streams.

        Frames keep to a schedule, so their rate does not drift. Missed frames are skipped.
        """
        due = self._clock()
        try:
            while True:
                self.render_frame()
                period = 1 / self.show.settings.rate
                late = self._clock() - due
                due += period * max(1, math.ceil(late / period))
                await asyncio.sleep(due - self._clock())
        finally:
            self.close()

    def render_frame(self) -> None:
        """Render the current frame of every output and send what changed."""
        now = self._clock()
        seconds = 0.0 if self._rendered_at is None else now - self._rendered_at
        self._rendered_at = now
        for renderer in self._active.renderers.values():
            renderer.step(self._timeline, now, seconds)
        self._warn_if_no_estimates(now)
        self._log_signal_loss(now)

    def close(self) -> None:
        """End the streams (sACN sends termination packets) and close the sockets."""
        if not self._closed:
            self._closed = True
            for renderer in self._active.renderers.values():
                renderer.sender.close()

    def _warn_if_no_estimates(self, now: float) -> None:
        """Warn once if no estimate has arrived within the time-out."""
        if self._first_estimate_deadline is None:
            self._first_estimate_deadline = now + _FIRST_ESTIMATE_TIMEOUT_S
        overdue = self.latest is None and now > self._first_estimate_deadline
        if overdue and not self._warned_no_estimates:
            self._warned_no_estimates = True
            text = "no estimates received for zone %s; check that `streamer run` tracks it"
            logger.warning(text, self.zone)

    def _log_signal_loss(self, now: float) -> None:
        """Log the beginning and the end of a signal loss."""
        settings, latest = self.show.settings, self.latest
        lost = latest is not None and now - latest.time > settings.loss_after
        if lost == self._signal_lost:
            return
        self._signal_lost = lost
        if lost:
            reaction = "holding" if settings.on_loss == "hold" else "fading"
            logger.warning("no estimates for %g s: %s the lights", settings.loss_after, reaction)
        else:
            logger.info("receiving estimates again")


def _clip(coordinate: float) -> float:
    return min(1.0, max(-1.0, coordinate))
