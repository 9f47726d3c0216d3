"""Settings models of a show file, one per table; the field descriptions are its reference."""

import string
from collections.abc import Mapping, Sequence
from math import inf
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streamer.config import schema
from streamer.config.fields import Slug, Table
from streamer.config.layer import display_value
from streamer.helpers import truncate
from streamer.outputs.lights import color

MAX_DELAY_S = 30.0
"""Largest delay of an output."""

CHANNEL_VALUES = ("dimmer", "red", "green", "blue", "white", "valence", "arousal")
"""What a DMX channel can carry."""

COLOR_VALUES = frozenset({"red", "green", "blue", "white"})
"""Channel values that need a palette."""

_EIGHT_BIT_TYPES = {
    "dimmer": ("dimmer",),
    "rgb": ("red", "green", "blue"),
    "rgbw": ("red", "green", "blue", "white"),
    "dimmer-rgb": ("dimmer", "red", "green", "blue"),
    "dimmer-rgbw": ("dimmer", "red", "green", "blue", "white"),
}
BUILT_IN_TYPES: Mapping[str, tuple[str, ...]] = _EIGHT_BIT_TYPES | {
    f"{name}16": tuple(f"{value}16" for value in values)
    for name, values in _EIGHT_BIT_TYPES.items()
}
"""Channels of the fixture types that need no `[types.NAME]`."""

OSC_FIELDS = ("zone", "node")
"""Placeholders of an OSC address template."""

_OSC_RESERVED = set(" #*,?[]{}")  # OSC 1.0, "OSC Address Spaces"


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """Return the error text for a name that does not exist, with the closest match."""
    text = f"there is no {kind} {display_value(name)}"
    if match := schema.closest_match(name, known):
        return f'{text}; did you mean "{match}"?'
    if len(known) > 1:
        return f"{text}; there are {', '.join(known)}"
    return f"{text}; there is {known[0] if known else 'none'}"


def _check_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it must be a name of printable characters")
    return text


def _check_color(text: str) -> str:
    color.parse_css_color(text)
    return text


def _check_channel(value: object) -> object:
    """Raise ValueError unless a channel is a known value or a constant from 0 to 255."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return value
    if not isinstance(value, str):
        raise ValueError("a constant channel is a whole number from 0 to 255")  # noqa: TRY004
    known = [*CHANNEL_VALUES, *(f"{name}16" for name in CHANNEL_VALUES)]
    if value in known:
        return value
    if schema.closest_match(value, known):
        raise ValueError(unknown_name("channel", value, known))
    raise ValueError(
        f"there is no channel {display_value(value)}; there are {', '.join(CHANNEL_VALUES)}, each "
        'also as "red16", and constants from 0 to 255'
    )


def _check_osc_address(template: str) -> str:
    """Raise ValueError for an unknown field, unbalanced braces or an invalid OSC address."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError("its braces do not match; write {zone} or {node}") from None
    for _, field, form, conversion in parts:
        if field is not None and (field not in OSC_FIELDS or form or conversion):
            raise ValueError(
                f"it has no field {{{truncate(field)}}}; there are {{zone}} and {{node}}"
            )
    text = "".join(literal for literal, *_ in parts)
    if wrong := sorted({char for char in text if char in _OSC_RESERVED or not "!" <= char <= "~"}):
        listed = " ".join("space" if char == " " else char for char in wrong)
        raise ValueError(
            f"an OSC address has none of these: {listed if listed.isprintable() else ascii(listed)}"
        )
    if not template.startswith("/") or template.endswith("/") or "//" in template:
        raise ValueError('an OSC address is "/" and a name, and so on: "/mood/{zone}/valence"')
    return template


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_check_name)]
Coordinate = Annotated[float, Field(ge=-1, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Host = Annotated[str, Field(min_length=1, max_length=253)]


class ShowSettings(Table):
    """`[show]`: the zone to follow, the frame rate, and the behaviour on signal loss."""

    zone: Slug = Field(default="main", description="Zone to follow.")
    rate: float = Field(default=40.0, ge=10, le=40, description="Frames per second.")
    on_loss: Literal["hold", "fade"] = Field(
        default="hold", description="Without estimates: hold the last state, or fade to black."
    )
    loss_after: float = Field(
        default=2.0,
        ge=0.5,
        le=600,
        description="Seconds without an estimate after which the signal counts as lost.",
    )
    hold_time: float = Field(
        default=inf,
        ge=0,
        description='Seconds for which "hold" holds before it fades too. inf: forever.',
    )
    fade_time: Seconds = Field(default=3.0, description="Seconds of the fade to black.")


class Anchor(Table):
    """A colour at a point of the valence/arousal plane."""

    valence: Coordinate = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="Calm (-1) to excited (1).")
    color: Annotated[str, AfterValidator(_check_color)] = Field(
        description='In CSS notation: "#ff8800", "orange", "oklch(70% 0.15 60)".'
    )


class Palette(Table):
    """`[palettes.NAME]`: a colour for every point of the plane, mixed between anchors."""

    anchors: tuple[Anchor, ...] = Field(
        min_length=1, max_length=100, description="At least one; one alone is a constant colour."
    )

    @model_validator(mode="after")
    def _require_distinct_anchors(self) -> Self:
        places = [(anchor.valence, anchor.arousal) for anchor in self.anchors]
        for valence, arousal in places:
            if places.count((valence, arousal)) > 1:
                raise ValueError(
                    f"two anchors stand at valence {valence:g}, arousal {arousal:g}; keep one"
                )
        return self

    def gradient(self) -> color.Gradient:
        """Return the interpolation between the anchors."""
        return color.Gradient(
            [
                color.ColorStop.from_css(anchor.valence, anchor.arousal, anchor.color)
                for anchor in self.anchors
            ]
        )


class FixtureType(Table):
    """`[types.NAME]`: a user-defined fixture type."""

    channels: tuple[Annotated[str | int, BeforeValidator(_check_channel)], ...] = Field(
        min_length=1,
        max_length=512,
        description="What each channel carries, in the fixture's order: dimmer, red, green, blue, "
        'white, valence, arousal, each also with 16 bits ("red16": two channels, coarse and fine), '
        "or a constant from 0 to 255.",
    )


class _Output(Table):
    name: Name = Field(description="Name that fixtures refer to.")
    delay: float = Field(
        default=0.0,
        ge=0,
        le=MAX_DELAY_S,
        description="Seconds by which the output lags, to match delayed sound or video.",
    )


class SacnOutput(_Output):
    """`[[outputs]]` with sACN (ANSI E1.31-2018)."""

    protocol: Literal["sacn"] = Field(description="Streaming ACN.")
    priority: int = Field(
        default=90,
        ge=0,
        le=200,
        description="Below 100, the priority of a lighting desk, the desk wins.",
    )
    destination: Host = Field(default="multicast", description='"multicast", or a host.')
    interface: Host | None = Field(
        default=None,
        description="IPv4 address of the network card to send from. Default: the system's choice.",
    )


class ArtnetOutput(_Output):
    """`[[outputs]]` with Art-Net 4."""

    protocol: Literal["artnet"] = Field(description="Art-Net.")
    host: Host | None = Field(
        default=None, description="The node's address; of a broadcast, 255.255.255.255."
    )
    broadcast: bool = Field(default=False, description="Send to every node of the network.")
    interface: Host | None = Field(
        default=None,
        description="IPv4 address of the network card to send from. Default: the system's choice.",
    )

    @model_validator(mode="after")
    def _require_destination(self) -> Self:
        if self.host is None and not self.broadcast:
            raise ValueError('give host = "ADDRESS" of the node, or broadcast = true')
        return self


OscValue = Literal[
    "valence", "arousal", "valence_01", "arousal_01", "valence_std", "arousal_std", "mood",
    "quadrant", "silence", "intensity", "color",
]  # fmt: skip
"""What an OSC message can carry."""


class OscMessage(Table):
    """One message of an OSC output."""

    address: Annotated[str, Field(max_length=500), AfterValidator(_check_osc_address)] = Field(
        description='Address template with {zone} and {node}: "/mood/{zone}/valence".'
    )
    value: OscValue = Field(
        description="valence and arousal from -1 to 1, or from 0 to 1 (valence_01, arousal_01); "
        "their standard deviations; mood and quadrant as text; silence 0 or 1; intensity from 0 "
        "to 1; color as red, green, blue from 0 to 1 (sRGB)."
    )
    palette: Name | None = Field(default=None, description="Palette of the value color.")


class OscOutput(_Output):
    """`[[outputs]]` with OSC 1.0 over UDP."""

    protocol: Literal["osc"] = Field(description="Open Sound Control.")
    host: Host = Field(description="Host to send to.")
    port: int = Field(ge=1, le=65535, description="UDP port of the receiver.")
    messages: tuple[OscMessage, ...] = Field(
        min_length=1, max_length=200, description="Messages to send."
    )


Output = Annotated[SacnOutput | ArtnetOutput | OscOutput, Field(discriminator="protocol")]


class FixtureResponse(Table):
    """How a fixture follows the estimates."""

    attack: Seconds = Field(
        default=0.3, description="Time constant of a rise in seconds (63 % of the way)."
    )
    release: Seconds = Field(default=1.0, description="Time constant of a fall in seconds.")
    intensity: tuple[Fraction, Fraction] = Field(
        default=(0.2, 1.0), description="Intensity at arousal -1 and at arousal 1."
    )
    minimum: Fraction = Field(default=0.0, description="Lowest intensity while estimates arrive.")
    maximum: Fraction = Field(default=1.0, description="Highest intensity.")
    in_silence: Fraction | None = Field(
        default=None,
        description="Intensity in silence, within the limits. Default: as without silence.",
    )
    curve: Literal["linear", "srgb"] = Field(
        default="linear",
        description="Encoding of colours: linear light, for LEDs without a curve of their own, "
        "or sRGB, for fixtures that expect colour-picker values. The intensity is always linear.",
    )

    @model_validator(mode="after")
    def _require_minimum_below_maximum(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class Fixture(FixtureResponse):
    """`[[fixtures]]`: one fixture, its address and its response."""

    name: Name = Field(description="Name of the fixture.")
    type: Name = Field(
        description="dimmer, rgb, rgbw, dimmer-rgb, dimmer-rgbw, each also with 16 bits (rgb16), "
        "or one of [types]."
    )
    output: Name = Field(description="Name of the output.")
    universe: int = Field(
        ge=0, le=63999, description="sACN: from 1 to 63999. Art-Net: from 0 to 32767."
    )
    address: int = Field(ge=1, le=512, description="First DMX channel.")
    palette: Name | None = Field(default=None, description="Palette of its colours.")


class Show(Table):
    """A whole show file. Use `load_show`, which also checks that its tables fit together."""

    settings: ShowSettings = Field(
        default=ShowSettings(), alias="show", description="Zone, frame rate, signal loss."
    )
    palettes: dict[Name, Palette] = Field(default={}, description="Colours over the plane.")
    types: dict[Name, FixtureType] = Field(default={}, description="User-defined fixture types.")
    outputs: tuple[Output, ...] = Field(
        min_length=1, max_length=100, description="Destinations of light data."
    )
    fixtures: tuple[Fixture, ...] = Field(default=(), max_length=500, description="The fixtures.")
