"""One light: follows the looks through its envelopes, and becomes channels.

How quickly a light follows.
"""

from collections.abc import Sequence
from math import exp

from streamer.outputs.lights.color import WHITE, Gradient, LinearRgb, srgb_encode
from streamer.outputs.lights.dmx_patch import Channel
from streamer.outputs.lights.show import FixtureResponse
from streamer.outputs.lights.timeline import TimedAffect

_DARK = 0.0
_NEUTRAL = 0.5  # valence and arousal 0, on the way from 0 to 1


class FixtureState:
    """The light of a fixture, dark at first.

    Its colour is there at once with the first look; its intensity rises by the attack. Colours
    follow in linear light, channel by channel.

    Parameters
    ----------
    response
        How it answers.
    gradient
        Where its colours come from; None for white.
    """

    def __init__(self, response: FixtureResponse, gradient: Gradient | None) -> None:
        self._response = response
        self._gradient = gradient
        self._lit = False
        self._follow = Envelope(
            response.attack, response.release, [_DARK, *WHITE, _NEUTRAL, _NEUTRAL]
        )

    @property
    def intensity(self) -> float:
        """From 0 to 1."""
        return self._follow.values[0]

    @property
    def color(self) -> LinearRgb:
        """At full intensity."""
        _, red, green, blue, _, _ = self._follow.values
        return red, green, blue

    def shining(self, share: float = 1.0) -> LinearRgb:
        """Return the colour at its intensity, with this share of the light."""
        red, green, blue = self.color
        light = share * self.intensity
        return light * red, light * green, light * blue

    @property
    def place(self) -> tuple[float, float]:
        """Valence and arousal as it follows them, from 0 to 1."""
        return self._follow.values[4], self._follow.values[5]

    def step(self, look: TimedAffect, seconds: float) -> None:
        """Follow a look for so many seconds."""
        color = WHITE if self._gradient is None else look.color(self._gradient)
        place = (1 + look.affect.valence) / 2, (1 + look.affect.arousal) / 2
        if not self._lit:
            self._lit = True
            self._follow.values[1:] = [*color, *place]
        self._follow.step([self._wanted(look, place[1]), *color, *place], seconds)

    def dim(self, share: float) -> None:
        """Go on from this share of the intensity."""
        self._follow.values[0] *= share

    def take_over(self, other: "FixtureState") -> None:
        """Go on from where another one is."""
        self._lit = other._lit  # noqa: SLF001 - one of its own kind
        self._follow.values = list(other._follow.values)  # noqa: SLF001

    def _wanted(self, look: TimedAffect, arousal: float) -> float:
        response = self._response
        low, high = response.intensity
        wanted = low + arousal * (high - low)
        if look.silence and response.in_silence is not None:
            wanted = response.in_silence
        return min(response.maximum, max(response.minimum, wanted))


class DmxEncoder:
    """Turns a lamp into the levels of its channels.

    Without a dimmer among them the intensity scales the colour. A white one takes over what red,
    green and blue have in common, in linear light.

    Parameters
    ----------
    channels
        What they carry.
    curve
        How colours are coded: "linear" or "srgb".
    """

    def __init__(self, channels: Sequence[Channel], curve: str) -> None:
        contents = {channel.content for channel in channels}
        self._channels = [(channel.content, channel.wide) for channel in channels]
        self._dims = "dimmer" in contents
        self._white = "white" in contents
        self._coded = curve == "srgb"

    def levels(self, lamp: FixtureState, share: float = 1.0) -> bytes:
        """Return the levels, with this share of the light."""
        values = self._values(lamp, share)
        levels = bytearray()
        for content, wide in self._channels:
            if isinstance(content, int):
                levels.append(content)
            elif wide:
                levels += round(values[content] * 65535).to_bytes(2, "big")
            else:
                levels.append(round(values[content] * 255))
        return bytes(levels)

    def _values(self, lamp: FixtureState, share: float) -> dict[str, float]:
        red, green, blue = lamp.color
        white = min(red, green, blue) if self._white else 0.0
        parts = red - white, green - white, blue - white, white
        if self._coded:
            parts = (
                srgb_encode(parts[0]),
                srgb_encode(parts[1]),
                srgb_encode(parts[2]),
                srgb_encode(parts[3]),
            )
        intensity = lamp.intensity * share
        scale = 1.0 if self._dims else intensity
        valence, arousal = lamp.place
        return {
            "dimmer": intensity,
            "red": scale * parts[0],
            "green": scale * parts[1],
            "blue": scale * parts[2],
            "white": scale * parts[3],
            "valence": valence,
            "arousal": arousal,
        }


class Envelope:
    """Values that approach their targets, rising with the attack and falling with the release.

    Stepped by true time, so the course does not depend on the frame rate.

    Parameters
    ----------
    attack, release
        Time constants in seconds: after one, 63 % of a step is done (after three, 95 %). 0 jumps.
    values
        Where they begin.
    """

    def __init__(self, attack: float, release: float, values: Sequence[float]) -> None:
        self._attack, self._release = attack, release
        self.values = list(values)

    def step(self, targets: Sequence[float], seconds: float) -> None:
        """Move on by so many seconds."""
        rise, fall = _share(self._attack, seconds), _share(self._release, seconds)
        self.values = [
            value + (rise if target > value else fall) * (target - value)
            for value, target in zip(self.values, targets, strict=True)
        ]


def _share(constant: float, seconds: float) -> float:
    return 1.0 - exp(-seconds / constant) if constant > 0 else 1.0
