"""One output while the show runs: what hangs on it, at its own time, and how that is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamer.outputs.lights.color import Gradient, srgb_encode
from streamer.outputs.lights.dmx_patch import UNIVERSE_SIZE, PatchedFixture
from streamer.outputs.lights.fixture import DmxEncoder, FixtureState
from streamer.outputs.lights.osc import OscSender, Value, color_key
from streamer.outputs.lights.show import FixtureResponse, Output
from streamer.outputs.lights.signal_loss import SignalLoss
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.outputs.lights.udp_sender import UdpSender
from streamer.tracking.mood import mood, quadrant

MOVING_LIGHT = FixtureResponse(in_silence=0.0)
"""How the OSC value `intensity` answers."""

_DECIMALS = 4  # of a number on the way by OSC: less is no change


class UniverseSender(Protocol):
    """Sends universes: sACN or Art-Net."""

    where: str
    wire: UdpSender

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the levels of a universe (512) if they changed, and once a second if not."""
        ...

    def end(self, universe: int) -> None:
        """Send a universe no more."""
        ...

    def close(self) -> None:
        """End every universe, and close the socket."""
        ...


class OutputState:
    """What an output shows now: the look of `delay` seconds ago, and what a loss leaves of it.

    Attributes
    ----------
    look
        None before the first.
    loss
        Whether estimates stay out, as this output sees it.
    """

    def __init__(self, loss: SignalLoss, delay: float) -> None:
        self.look: TimedAffect | None = None
        self.loss = loss
        self._delay = delay

    def step(
        self, timeline: Timeline, now: float, seconds: float, lamps: Sequence[FixtureState]
    ) -> None:
        """Move on by so many seconds, and let the lamps follow."""
        then = now - self._delay
        self.look = timeline.at(then)
        if self.look is None:
            return
        left = self.loss.step(then - self.look.time, seconds)
        for lamp in lamps:
            if left < 1:
                lamp.dim(left)
            lamp.step(self.look, seconds)


@dataclass(frozen=True)
class ActiveFixture:
    """A fixture with its lamp."""

    place: PatchedFixture
    lamp: FixtureState
    encoder: DmxEncoder


class DmxRenderer:
    """An output of universes, and the fixtures on it.

    Parameters
    ----------
    output
        What it is in the show.
    sender
        What sends them.
    clock
        The output's time.
    fixtures
        What hangs on it.
    """

    def __init__(
        self,
        output: Output,
        sender: UniverseSender,
        clock: OutputState,
        fixtures: Sequence[ActiveFixture],
    ) -> None:
        self.output = output
        self.sender = sender
        self.clock = clock
        self._fixtures = fixtures
        self._lamps = [each.lamp for each in fixtures]
        self.universes = {
            each.place.fixture.universe: bytearray(UNIVERSE_SIZE) for each in fixtures
        }

    def step(self, timeline: Timeline, now: float, seconds: float) -> None:
        """Move on by so many seconds, and send what changed."""
        self.clock.step(timeline, now, seconds, self._lamps)
        share = self.clock.loss.share
        for each in self._fixtures:
            universe, place = self.universes[each.place.fixture.universe], each.place
            universe[place.first - 1 : place.last] = each.encoder.levels(each.lamp, share)
        for number, levels in self.universes.items():
            self.sender.send(number, bytes(levels), now)


class OscRenderer:
    """An output of OSC messages; nothing is sent before the first look.

    Parameters
    ----------
    output
        What it is in the show.
    sender
        What sends them.
    clock
        The output's time.
    gradients
        Palettes by their names.
    """

    def __init__(
        self,
        output: Output,
        sender: OscSender,
        clock: OutputState,
        gradients: Mapping[str, Gradient],
    ) -> None:
        self.output = output
        self.sender = sender
        self.clock = clock
        self.lamp = FixtureState(MOVING_LIGHT, None)
        self._gradients = gradients

    def step(self, timeline: Timeline, now: float, seconds: float) -> None:
        """Move on by so many seconds, and send what changed."""
        self.clock.step(timeline, now, seconds, [self.lamp])
        look = self.clock.look
        if look is not None:
            self.sender.send(self._values(look), now)

    def _values(self, look: TimedAffect) -> dict[str, Value]:
        affect = look.affect
        values: dict[str, Value] = {
            "valence": _rounded(affect.valence),
            "arousal": _rounded(affect.arousal),
            "valence_01": _rounded((1 + affect.valence) / 2),
            "arousal_01": _rounded((1 + affect.arousal) / 2),
            "valence_std": _rounded(affect.valence_std),
            "arousal_std": _rounded(affect.arousal_std),
            "mood": mood(affect.valence, affect.arousal),
            "quadrant": quadrant(affect.valence, affect.arousal),
            "silence": int(look.silence),
            "intensity": _rounded(self.lamp.intensity * self.clock.loss.share),
        }
        for name, gradient in self._gradients.items():
            red, green, blue = (_rounded(srgb_encode(part)) for part in look.color(gradient))
            values[color_key(name)] = red, green, blue
        return values


Renderer = DmxRenderer | OscRenderer


def _rounded(value: float) -> float:
    return round(value, _DECIMALS) + 0.0  # + 0.0: never "-0.0"
