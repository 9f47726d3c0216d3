"""Render the frames of one output: its fixtures at its own delay, sent as DMX or OSC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamer.outputs.lights.color import Gradient, srgb_encode
from streamer.outputs.lights.dmx_patch import UNIVERSE_SIZE, PatchedFixture
from streamer.outputs.lights.dmx_protocols import UniverseSender
from streamer.outputs.lights.fixture import DmxEncoder, FixtureState
from streamer.outputs.lights.osc import OscSender, Value, color_key
from streamer.outputs.lights.show import FixtureResponse, Output
from streamer.outputs.lights.signal_loss import SignalLoss
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.tracking.mood import mood, quadrant

OSC_INTENSITY = FixtureResponse(in_silence=0.0)
"""Response of the OSC value `intensity`."""

_DECIMALS = 4  # of a float sent by OSC; a smaller change is not sent


@dataclass(frozen=True)
class ActiveFixture:
    """A patched fixture with its current state."""

    patched: PatchedFixture
    state: FixtureState
    encoder: DmxEncoder


class OutputClock:
    """The estimate that an output renders now: that of `delay` seconds ago.

    Attributes
    ----------
    estimate
        None before the first.
    loss
        Signal loss as seen by this output.
    """

    def __init__(self, loss: SignalLoss, delay: float) -> None:
        self.estimate: TimedAffect | None = None
        self.loss = loss
        self._delay = delay

    def step(
        self, timeline: Timeline, now: float, seconds: float, fixtures: Sequence[FixtureState]
    ) -> None:
        """Advance by one frame of `seconds`, and let the fixtures follow the estimate."""
        delayed = now - self._delay
        self.estimate = timeline.at(delayed)
        if self.estimate is None:
            return
        factor = self.loss.step(delayed - self.estimate.time, seconds)
        for fixture in fixtures:
            if factor < 1:
                fixture.dim(factor)
            fixture.step(self.estimate, seconds)


class DmxRenderer:
    """Renders the universes of a sACN or Art-Net output.

    Parameters
    ----------
    output
        Its settings.
    sender
        Sends the universes.
    clock
        The output's time and signal loss.
    fixtures
        The fixtures on this output.
    """

    def __init__(
        self,
        output: Output,
        sender: UniverseSender,
        clock: OutputClock,
        fixtures: Sequence[ActiveFixture],
    ) -> None:
        self.output = output
        self.sender = sender
        self.clock = clock
        self._fixtures = fixtures
        self._states = [each.state for each in fixtures]
        numbers = [each.patched.fixture.universe for each in fixtures]
        self.universes = {number: bytearray(UNIVERSE_SIZE) for number in numbers}

    def step(self, timeline: Timeline, now: float, seconds: float) -> None:
        """Render the next frame, `seconds` after the last one, and send what changed."""
        self.clock.step(timeline, now, seconds, self._states)
        master = self.clock.loss.master
        for each in self._fixtures:
            universe, patched = self.universes[each.patched.fixture.universe], each.patched
            universe[patched.first - 1 : patched.last] = each.encoder.encode(each.state, master)
        for number, levels in self.universes.items():
            self.sender.send(number, bytes(levels), now)


class OscRenderer:
    """Renders the messages of an OSC output; sends nothing before the first estimate.

    Parameters
    ----------
    output
        Its settings.
    sender
        Sends the messages.
    clock
        The output's time and signal loss.
    gradients
        Palettes by name.
    """

    def __init__(
        self,
        output: Output,
        sender: OscSender,
        clock: OutputClock,
        gradients: Mapping[str, Gradient],
    ) -> None:
        self.output = output
        self.sender = sender
        self.clock = clock
        self.intensity = FixtureState(OSC_INTENSITY, None)
        self._gradients = gradients

    def step(self, timeline: Timeline, now: float, seconds: float) -> None:
        """Render the next frame, `seconds` after the last one, and send what changed."""
        self.clock.step(timeline, now, seconds, [self.intensity])
        if self.clock.estimate is not None:
            self.sender.send(self._values(self.clock.estimate), now)

    def _values(self, estimate: TimedAffect) -> dict[str, Value]:
        affect = estimate.affect
        values: dict[str, Value] = {
            "valence": _round(affect.valence),
            "arousal": _round(affect.arousal),
            "valence_01": _round((1 + affect.valence) / 2),
            "arousal_01": _round((1 + affect.arousal) / 2),
            "valence_std": _round(affect.valence_std),
            "arousal_std": _round(affect.arousal_std),
            "mood": mood(affect.valence, affect.arousal),
            "quadrant": quadrant(affect.valence, affect.arousal),
            "silence": int(estimate.silence),
            "intensity": _round(self.intensity.intensity * self.clock.loss.master),
        }
        for name, gradient in self._gradients.items():
            red, green, blue = (_round(srgb_encode(part)) for part in estimate.color(gradient))
            values[color_key(name)] = red, green, blue
        return values


Renderer = DmxRenderer | OscRenderer


def _round(value: float) -> float:
    return round(value, _DECIMALS) + 0.0  # + 0.0 turns "-0.0" into "0.0"
