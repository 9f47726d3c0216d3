"""State of one fixture: follows the estimates with attack and release, encoded as DMX levels."""

from collections.abc import Sequence
from math import exp

from streamer.outputs.lights.color import WHITE, Gradient, LinearRgb, srgb_encode
from streamer.outputs.lights.dmx_patch import Channel
from streamer.outputs.lights.show import FixtureResponse
from streamer.outputs.lights.timeline import TimedAffect

_NEUTRAL = 0.5  # valence or arousal 0, mapped to 0..1


class Envelope:
    """Values that approach their targets, with separate time constants for rise and fall.

    Steps use the elapsed time, so the course does not depend on the frame rate.

    Parameters
    ----------
    attack, release
        Time constants in seconds: after one, 63 % of a step is done; after three, 95 %. 0 jumps.
    values
        Initial values.
    """

    def __init__(self, attack: float, release: float, values: Sequence[float]) -> None:
        self._attack, self._release = attack, release
        self.values = list(values)

    def step(self, targets: Sequence[float], seconds: float) -> None:
        """Advance by `seconds` towards the targets."""
        rise, fall = _progress(self._attack, seconds), _progress(self._release, seconds)
        self.values = [
            value + (rise if target > value else fall) * (target - value)
            for value, target in zip(self.values, targets, strict=True)
        ]


class FixtureState:
    """Intensity and colour of a fixture, dark at first.

    The first estimate sets the colour at once; the intensity rises by the attack. Colours are
    interpolated in linear light, per component.

    Parameters
    ----------
    response
        How the fixture follows the estimates.
    gradient
        Its colours; None for white.
    """

    def __init__(self, response: FixtureResponse, gradient: Gradient | None) -> None:
        self._response = response
        self._gradient = gradient
        self._started = False
        initial = [0.0, *WHITE, _NEUTRAL, _NEUTRAL]  # intensity, red, green, blue, valence, arousal
        self._envelope = Envelope(response.attack, response.release, initial)

    @property
    def intensity(self) -> float:
        """Intensity, 0..1."""
        return self._envelope.values[0]

    @property
    def color(self) -> LinearRgb:
        """Colour at full intensity."""
        _, red, green, blue, _, _ = self._envelope.values
        return red, green, blue

    @property
    def position(self) -> tuple[float, float]:
        """Smoothed valence and arousal, each mapped to 0..1."""
        return self._envelope.values[4], self._envelope.values[5]

    def dimmed_color(self, master: float = 1.0) -> LinearRgb:
        """Return the colour scaled by the intensity and a master level."""
        red, green, blue = self.color
        scale = master * self.intensity
        return scale * red, scale * green, scale * blue

    def step(self, estimate: TimedAffect, seconds: float) -> None:
        """Follow an estimate for `seconds`."""
        color = WHITE if self._gradient is None else estimate.color(self._gradient)
        position = (1 + estimate.affect.valence) / 2, (1 + estimate.affect.arousal) / 2
        if not self._started:
            self._started = True
            self._envelope.values[1:] = [*color, *position]
        intensity = self._target_intensity(position[1], silence=estimate.silence)
        self._envelope.step([intensity, *color, *position], seconds)

    def dim(self, factor: float) -> None:
        """Scale the intensity by a factor, 0..1."""
        self._envelope.values[0] *= factor

    def copy_from(self, other: "FixtureState") -> None:
        """Continue from the state of another fixture."""
        self._started = other._started  # noqa: SLF001 - same class
        self._envelope.values = list(other._envelope.values)  # noqa: SLF001

    def _target_intensity(self, arousal: float, *, silence: bool) -> float:
        response = self._response
        low, high = response.intensity
        intensity = low + arousal * (high - low)
        if silence and response.in_silence is not None:
            intensity = response.in_silence
        return min(response.maximum, max(response.minimum, intensity))


class DmxEncoder:
    """Encodes a fixture's state as DMX levels.

    Without a dimmer channel the intensity scales the colour. A white channel takes over the part
    that red, green and blue have in common, in linear light.

    Parameters
    ----------
    channels
        The fixture's channels, in order.
    curve
        Colour encoding: "linear" or "srgb".
    """

    def __init__(self, channels: Sequence[Channel], curve: str) -> None:
        values = {channel.value for channel in channels}
        self._channels = [(channel.value, channel.is_16_bit) for channel in channels]
        self._has_dimmer = "dimmer" in values
        self._has_white = "white" in values
        self._srgb = curve == "srgb"

    def encode(self, state: FixtureState, master: float = 1.0) -> bytes:
        """Return a level per DMX channel, dimmed by a master level."""
        values = self._values(state, master)
        levels = bytearray()
        for value, is_16_bit in self._channels:
            if isinstance(value, int):
                levels.append(value)
            elif is_16_bit:
                levels += round(values[value] * 65535).to_bytes(2, "big")
            else:
                levels.append(round(values[value] * 255))
        return bytes(levels)

    def _values(self, state: FixtureState, master: float) -> dict[str, float]:
        red, green, blue = state.color
        white = min(red, green, blue) if self._has_white else 0.0
        colors = [red - white, green - white, blue - white, white]
        if self._srgb:
            colors = [srgb_encode(part) for part in colors]
        intensity = state.intensity * master
        scale = 1.0 if self._has_dimmer else intensity
        red, green, blue, white = (scale * part for part in colors)
        valence, arousal = state.position
        return {
            "dimmer": intensity,
            "red": red,
            "green": green,
            "blue": blue,
            "white": white,
            "valence": valence,
            "arousal": arousal,
        }


def _progress(time_constant: float, seconds: float) -> float:
    """Return the share of a step that is done after `seconds`."""
    return 1.0 - exp(-seconds / time_constant) if time_constant > 0 else 1.0
