"""Which channels a fixture takes, and whether those of a show go together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from streamer.config import schema
from streamer.config.layer import display_value

if TYPE_CHECKING:
    from streamer.outputs.lights.show import Fixture, Show

QUANTITIES = ("dimmer", "red", "green", "blue", "white", "valence", "arousal")
"""What a channel may carry."""

COLORS = frozenset({"red", "green", "blue", "white"})
"""Those that need a palette."""

UNIVERSE_NUMBERS: Mapping[str, range] = {"sacn": range(1, 64000), "artnet": range(32768)}
"""By protocol: E1.31-2018, 6.2.7; Art-Net 4, "Port-Address" (15 bits)."""

UNIVERSE_SIZE = 512
"""Channels of a universe (ANSI E1.11, DMX512-A)."""

_EIGHT_BIT = {
    "dimmer": ("dimmer",),
    "rgb": ("red", "green", "blue"),
    "rgbw": ("red", "green", "blue", "white"),
    "dimmer-rgb": ("dimmer", "red", "green", "blue"),
    "dimmer-rgbw": ("dimmer", "red", "green", "blue", "white"),
}
BUILT_IN_TYPES: Mapping[str, tuple[str, ...]] = _EIGHT_BIT | {
    f"{name}16": tuple(f"{quantity}16" for quantity in quantities)
    for name, quantities in _EIGHT_BIT.items()
}
"""Channels of the types that every show knows."""


@dataclass(frozen=True)
class Channel:
    """What a channel of a fixture carries.

    Attributes
    ----------
    content
        One of `QUANTITIES`, or a constant from 0 to 255.
    wide
        Whether it is two channels, coarse and fine.
    """

    content: str | int
    wide: bool


@dataclass(frozen=True)
class PatchedFixture:
    """A fixture, its channels, and where they stand in their universe.

    Attributes
    ----------
    fixture
        The fixture.
    channels
        What it takes, in its order.
    first, last
        Channels from 1 to 512.
    """

    fixture: "Fixture"
    channels: tuple[Channel, ...]
    first: int
    last: int

    @property
    def quantities(self) -> set[str | int]:
        """What its channels carry."""
        return {channel.content for channel in self.channels}

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def patch_fixtures(show: "Show") -> list[PatchedFixture]:
    """Return where the fixtures of a show stand, in its order."""
    return [_place(show, fixture) for fixture in show.fixtures]


def check_channel(value: object) -> None:
    """Raise ValueError where a channel of a type carries nothing that is known."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return
    known = [*QUANTITIES, *(f"{quantity}16" for quantity in QUANTITIES)]
    if isinstance(value, str) and value not in known:
        raise ValueError(
            unknown("channel", value, known)
            if schema.closest_match(value, known)
            else f"there is no channel {display_value(value)}; there are {', '.join(QUANTITIES)}, "
            'each also as "red16", and constants from 0 to 255'
        )
    if not isinstance(value, str):
        raise ValueError("a constant channel is a whole number from 0 to 255")  # noqa: TRY004


def check(show: "Show") -> None:
    """Raise ValueError, in one line, where the parts of a show do not go together."""
    _check_names("outputs", [output.name for output in show.outputs])
    _check_names("fixtures", [fixture.name for fixture in show.fixtures])
    for name in show.types:
        if name in BUILT_IN_TYPES:
            raise ValueError(f"[types.{name}]: this type is built in; give yours another name")
    _check_messages(show)
    taken: dict[tuple[str, int], list[PatchedFixture]] = {}
    for index, fixture in enumerate(show.fixtures):
        try:
            _check_fixture(show, fixture)
        except ValueError as error:
            raise ValueError(f"{heading('fixtures', index, fixture.name)}: {error}") from None
        taken.setdefault((fixture.output, fixture.universe), []).append(_place(show, fixture))
    for neighbours in taken.values():
        _check_overlap(neighbours)


def heading(table: str, index: int, name: object = None) -> str:
    """Return the heading of a table as it stands in the file, and which one it is."""
    called = f", {display_value(name)}" if isinstance(name, str) else ""
    return f"[[{table}]] ({table[:-1]} {index + 1}{called})"


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """Say that there is no such thing, and which one may be meant."""
    said = f"there is no {what} {display_value(name)}"
    if near := schema.closest_match(name, known):
        return f'{said}; did you mean "{near}"?'
    if len(known) > 1:
        return f"{said}; there are {', '.join(known)}"
    return f"{said}; there is {known[0] if known else 'none'}"


def _place(show: "Show", fixture: "Fixture") -> PatchedFixture:
    own = show.types.get(fixture.type)
    contents = BUILT_IN_TYPES[fixture.type] if own is None else own.channels
    channels = tuple(_channel(content) for content in contents)
    length = sum(2 if channel.wide else 1 for channel in channels)
    return PatchedFixture(fixture, channels, fixture.address, fixture.address + length - 1)


def _channel(content: str | int) -> Channel:
    if isinstance(content, str) and content.endswith("16"):
        return Channel(content.removesuffix("16"), wide=True)
    return Channel(content, wide=False)


def _check_names(table: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = names.index(name) + 1
            raise ValueError(
                f"{heading(table, index, name)}: {table[:-1]} {first} has this name too; "
                "give each its own"
            )


def _check_messages(show: "Show") -> None:
    for index, output in enumerate(show.outputs):
        for number, message in enumerate(output.messages if output.protocol == "osc" else (), 1):
            where = f"{heading('outputs', index, output.name)} message {number}"
            if message.value == "color" and message.palette is None:
                raise ValueError(f'{where}: a color needs a palette; give palette = "NAME"')
            if message.palette is not None and message.palette not in show.palettes:
                said = unknown("palette", message.palette, list(show.palettes))
                raise ValueError(f"{where}: {said}")


def _check_fixture(show: "Show", fixture: "Fixture") -> None:
    if fixture.type not in BUILT_IN_TYPES and fixture.type not in show.types:
        raise ValueError(unknown("type", fixture.type, [*BUILT_IN_TYPES, *show.types]))
    outputs = {output.name: output for output in show.outputs}
    if fixture.output not in outputs:
        raise ValueError(unknown("output", fixture.output, list(outputs)))
    if fixture.palette is not None and fixture.palette not in show.palettes:
        raise ValueError(unknown("palette", fixture.palette, list(show.palettes)))
    place = _place(show, fixture)
    if fixture.palette is None and place.quantities & COLORS:
        raise ValueError(f'a fixture of type "{fixture.type}" needs a palette = "NAME"')
    protocol = outputs[fixture.output].protocol
    universes = UNIVERSE_NUMBERS.get(protocol)
    if universes is None:
        raise ValueError(
            f'the output "{fixture.output}" speaks OSC, which has no channels; fixtures need one '
            "of sacn or artnet"
        )
    if fixture.universe not in universes:
        raise ValueError(
            f"universe {fixture.universe} does not exist in {protocol}, where they are from "
            f"{universes.start} to {universes.stop - 1}"
        )
    if place.last > UNIVERSE_SIZE:
        raise ValueError(
            f'a fixture of type "{fixture.type}" takes {place.last - place.first + 1} channels: '
            f"from {place.first} it ends at {place.last}, beyond {UNIVERSE_SIZE}"
        )


def _check_overlap(neighbours: Sequence[PatchedFixture]) -> None:
    ordered = sorted(neighbours, key=lambda place: place.first)
    for one, other in pairwise(ordered):
        if other.first <= one.last:
            raise ValueError(
                f'[[fixtures]] "{one.fixture.name}" (channels {one}) and "{other.fixture.name}" '
                f"(channels {other}) overlap in universe {one.fixture.universe} of output "
                f'"{one.fixture.output}"; give one another address'
            )
