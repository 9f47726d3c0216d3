"""A show: what a show file may say, one model a table. Descriptions are its reference."""

from math import inf
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streamer.config.fields import Slug, Table
from streamer.outputs.lights import color, osc_address
from streamer.outputs.lights import dmx_patch as patch

LONGEST_DELAY = 30.0
"""Seconds by which an output may follow later."""


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it must be a name of printable characters")
    return text


def _css(text: str) -> str:
    color.parse(text)
    return text


def _channel(value: object) -> object:
    patch.check_channel(value)
    return value


def _address(text: str) -> str:
    osc_address.check(text)
    return text


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_name)]
Coordinate = Annotated[float, Field(ge=-1, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Host = Annotated[str, Field(min_length=1, max_length=253)]


class Settings(Table):
    """`[show]`: what is followed, and what happens when it stays out."""

    zone: Slug = Field(default="main", description="Zone to follow.")
    rate: float = Field(default=40.0, ge=10, le=40, description="Frames per second.")
    on_loss: Literal["hold", "fade"] = Field(
        default="hold", description="Without estimates, hold the look, or fade to black."
    )
    loss_after: float = Field(
        default=2.0, ge=0.5, le=600, description="Seconds without an estimate that count as loss."
    )
    hold_time: float = Field(
        default=inf, ge=0, description='Seconds that "hold" holds; then the look fades. inf: ever.'
    )
    fade_time: Seconds = Field(default=3.0, description="Seconds of the fade to black.")


class Anchor(Table):
    """A colour at a point of the plane."""

    valence: Coordinate = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="Calm (-1) to excited (1).")
    color: Annotated[str, AfterValidator(_css)] = Field(
        description='As CSS writes it: "#ff8800", "orange", "oklch(70% 0.15 60)".'
    )


class Palette(Table):
    """`[palettes.NAME]`: colours over the plane, mixed between the anchors."""

    anchors: tuple[Anchor, ...] = Field(
        min_length=1, max_length=100, description="At least one; one alone is a constant colour."
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        places = [(anchor.valence, anchor.arousal) for anchor in self.anchors]
        for valence, arousal in places:
            if places.count((valence, arousal)) > 1:
                raise ValueError(
                    f"two anchors stand at valence {valence:g}, arousal {arousal:g}; keep one"
                )
        return self

    def gradient(self) -> color.Gradient:
        """Return the colours of the whole plane."""
        return color.Gradient(
            [
                color.ColorStop.from_css(each.valence, each.arousal, each.color)
                for each in self.anchors
            ]
        )


class FixtureType(Table):
    """`[types.NAME]`: a fixture of one's own."""

    channels: tuple[Annotated[str | int, BeforeValidator(_channel)], ...] = Field(
        min_length=1,
        max_length=512,
        description="What each channel carries, in the fixture's order: dimmer, red, green, blue, "
        'white, valence, arousal, each also with 16 bits ("red16": two channels, coarse and fine), '
        "or a constant from 0 to 255.",
    )


class _Output(Table):
    name: Name = Field(description="What fixtures call it.")
    delay: float = Field(
        default=0.0,
        ge=0,
        le=LONGEST_DELAY,
        description="Seconds by which it follows later, to meet sound or video that is late.",
    )


class SacnOutput(_Output):
    """`[[outputs]]` with sACN (ANSI E1.31-2018)."""

    protocol: Literal["sacn"] = Field(description="Streaming ACN.")
    priority: int = Field(
        default=90, ge=0, le=200, description="A desk sends at 100, so below that it always wins."
    )
    destination: Host = Field(default="multicast", description='"multicast", or a host.')
    interface: Host | None = Field(
        default=None,
        description="IPv4 address of the network card to send from; the system chooses.",
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
        description="IPv4 address of the network card to send from; the system chooses.",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.host is None and not self.broadcast:
            raise ValueError('give host = "ADDRESS" of the node, or broadcast = true')
        return self


OscValue = Literal[
    "valence", "arousal", "valence_01", "arousal_01", "valence_std", "arousal_std", "mood",
    "quadrant", "silence", "intensity", "color",
]  # fmt: skip
"""What an OSC message may carry."""


class OscMessage(Table):
    """One message of an OSC output."""

    address: Annotated[str, Field(max_length=500), AfterValidator(_address)] = Field(
        description='Address pattern; {zone} and {node} are filled in: "/mood/{zone}/valence".'
    )
    value: OscValue = Field(
        description="valence and arousal from -1 to 1, or from 0 to 1 (valence_01, arousal_01); "
        "their deviations; mood and quadrant as text; silence 0 or 1; intensity from 0 to 1; "
        "color as red, green, blue from 0 to 1 (sRGB)."
    )
    palette: Name | None = Field(default=None, description="Of the value color: its palette.")


class OscOutput(_Output):
    """`[[outputs]]` with OSC 1.0 over UDP."""

    protocol: Literal["osc"] = Field(description="Open Sound Control.")
    host: Host = Field(description="Where the program runs.")
    port: int = Field(ge=1, le=65535, description="UDP port on which it listens.")
    messages: tuple[OscMessage, ...] = Field(
        min_length=1, max_length=200, description="What is sent."
    )


Output = Annotated[SacnOutput | ArtnetOutput | OscOutput, Field(discriminator="protocol")]


class FixtureResponse(Table):
    """How a light answers to the music."""

    attack: Seconds = Field(
        default=0.3, description="Time constant in seconds of what rises: 63 % of the way."
    )
    release: Seconds = Field(default=1.0, description="Time constant in seconds of what falls.")
    intensity: tuple[Share, Share] = Field(
        default=(0.2, 1.0), description="Intensity at arousal -1 and at arousal 1."
    )
    minimum: Share = Field(default=0.0, description="Least intensity while estimates come.")
    maximum: Share = Field(default=1.0, description="Greatest intensity.")
    in_silence: Share | None = Field(
        default=None, description="Intensity in silence, within the limits; follows the arousal."
    )
    curve: Literal["linear", "srgb"] = Field(
        default="linear",
        description="How colours are coded: in linear light, as LEDs without a curve of their own "
        "want it, or as sRGB, as colour pickers and video do. The intensity is not coded.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class Fixture(FixtureResponse):
    """`[[fixtures]]`: one light, where it hangs and how it answers."""

    name: Name = Field(description="What it is called.")
    type: Name = Field(
        description="dimmer, rgb, rgbw, dimmer-rgb, dimmer-rgbw, each also with 16 bits (rgb16), "
        "or one of [types]."
    )
    output: Name = Field(description="Name of the output.")
    universe: int = Field(
        ge=0, le=63999, description="sACN: from 1 to 63999. Art-Net: from 0 to 32767."
    )
    address: int = Field(ge=1, le=512, description="First channel.")
    palette: Name | None = Field(default=None, description="Where its colours come from.")


class Show(Table):
    """A whole show file."""

    settings: Settings = Field(
        default=Settings(), alias="show", description="What is followed, and what on loss."
    )
    palettes: dict[Name, Palette] = Field(default={}, description="Colours over the plane.")
    types: dict[Name, FixtureType] = Field(default={}, description="Fixtures of one's own.")
    outputs: tuple[Output, ...] = Field(
        min_length=1, max_length=100, description="Where light data go."
    )
    fixtures: tuple[Fixture, ...] = Field(default=(), max_length=500, description="The lights.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        patch.check(self)
        return self
