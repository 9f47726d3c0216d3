"""DMX patch: the channels that each fixture of a show occupies, and their validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from streamer.config.layer import display_value
from streamer.outputs.lights.show import (
    BUILT_IN_TYPES,
    COLOR_VALUES,
    Fixture,
    Show,
    unknown_name,
)

UNIVERSE_NUMBERS: Mapping[str, range] = {"sacn": range(1, 64000), "artnet": range(32768)}
"""Valid universes by protocol: E1.31-2018, 6.2.7; Art-Net 4, "Port-Address" (15 bits)."""

UNIVERSE_SIZE = 512
"""Channels of a universe (ANSI E1.11, DMX512-A)."""


@dataclass(frozen=True)
class Channel:
    """One value of a fixture.

    Attributes
    ----------
    value
        One of `CHANNEL_VALUES`, or a constant from 0 to 255.
    is_16_bit
        Whether it occupies two DMX channels, coarse then fine.
    """

    value: str | int
    is_16_bit: bool

    @classmethod
    def parse(cls, name: str | int) -> "Channel":
        """Parse a channel of a fixture type: "red", "red16" (16 bits) or a constant."""
        if isinstance(name, str) and name.endswith("16"):
            return cls(name.removesuffix("16"), is_16_bit=True)
        return cls(name, is_16_bit=False)


@dataclass(frozen=True)
class PatchedFixture:
    """A fixture with the DMX channels it occupies.

    Attributes
    ----------
    fixture
        Its settings.
    channels
        Its channels, in order.
    first, last
        DMX channels, 1..512.
    """

    fixture: Fixture
    channels: tuple[Channel, ...]
    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def patch_fixtures(show: Show) -> list[PatchedFixture]:
    """Return the fixtures of a show with their DMX channels, in the show's order."""
    return [_patch(show, fixture) for fixture in show.fixtures]


def check_show(show: Show) -> None:
    """Check that the tables of a show fit together.

    Raises
    ------
    ValueError
        A name is unknown or used twice, or channels overlap or exceed their universe. One line.
    """
    _check_unique_names("outputs", [output.name for output in show.outputs])
    _check_unique_names("fixtures", [fixture.name for fixture in show.fixtures])
    for name in show.types:
        if name in BUILT_IN_TYPES:
            raise ValueError(f"[types.{name}]: this type is built in; give yours another name")
    _check_osc_palettes(show)
    universes: dict[tuple[str, int], list[PatchedFixture]] = {}
    for index, fixture in enumerate(show.fixtures):
        try:
            patched = _check_fixture(show, fixture)
        except ValueError as error:
            raise ValueError(f"{table_heading('fixtures', index, fixture.name)}: {error}") from None
        universes.setdefault((fixture.output, fixture.universe), []).append(patched)
    for fixtures in universes.values():
        _check_overlap(fixtures)


def table_heading(table: str, index: int, name: object = None) -> str:
    """Return the heading of an array table with its number and name, for error messages."""
    named = f", {display_value(name)}" if isinstance(name, str) else ""
    return f"[[{table}]] ({table[:-1]} {index + 1}{named})"


def _patch(show: Show, fixture: Fixture) -> PatchedFixture:
    custom = show.types.get(fixture.type)
    names = BUILT_IN_TYPES[fixture.type] if custom is None else custom.channels
    channels = tuple(map(Channel.parse, names))
    width = sum(2 if channel.is_16_bit else 1 for channel in channels)
    return PatchedFixture(fixture, channels, fixture.address, fixture.address + width - 1)


def _check_unique_names(table: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = names.index(name) + 1
            raise ValueError(
                f"{table_heading(table, index, name)}: {table[:-1]} {first} has this name too; "
                "give each its own"
            )


def _check_osc_palettes(show: Show) -> None:
    for index, output in enumerate(show.outputs):
        for number, message in enumerate(output.messages if output.protocol == "osc" else (), 1):
            where = f"{table_heading('outputs', index, output.name)} message {number}"
            if message.value == "color" and message.palette is None:
                raise ValueError(f'{where}: a color needs a palette; give palette = "NAME"')
            if message.palette is not None and message.palette not in show.palettes:
                reason = unknown_name("palette", message.palette, list(show.palettes))
                raise ValueError(f"{where}: {reason}")


def _check_fixture(show: Show, fixture: Fixture) -> PatchedFixture:
    if fixture.type not in BUILT_IN_TYPES and fixture.type not in show.types:
        raise ValueError(unknown_name("type", fixture.type, [*BUILT_IN_TYPES, *show.types]))
    outputs = {output.name: output for output in show.outputs}
    if fixture.output not in outputs:
        raise ValueError(unknown_name("output", fixture.output, list(outputs)))
    if fixture.palette is not None and fixture.palette not in show.palettes:
        raise ValueError(unknown_name("palette", fixture.palette, list(show.palettes)))
    patched = _patch(show, fixture)
    if fixture.palette is None and COLOR_VALUES & {each.value for each in patched.channels}:
        raise ValueError(f'a fixture of type "{fixture.type}" needs a palette = "NAME"')
    protocol = outputs[fixture.output].protocol
    universes = UNIVERSE_NUMBERS.get(protocol)
    if universes is None:
        raise ValueError(
            f'the output "{fixture.output}" uses OSC, which has no channels; fixtures need one '
            "of sacn or artnet"
        )
    if fixture.universe not in universes:
        raise ValueError(
            f"universe {fixture.universe} does not exist in {protocol}, where they are from "
            f"{universes.start} to {universes.stop - 1}"
        )
    if patched.last > UNIVERSE_SIZE:
        raise ValueError(
            f'a fixture of type "{fixture.type}" takes {patched.last - patched.first + 1} '
            f"channels: from {patched.first} it ends at {patched.last}, beyond {UNIVERSE_SIZE}"
        )
    return patched


def _check_overlap(fixtures: Sequence[PatchedFixture]) -> None:
    for one, other in pairwise(sorted(fixtures, key=lambda each: each.first)):
        if other.first <= one.last:
            raise ValueError(
                f'[[fixtures]] "{one.fixture.name}" (channels {one}) and "{other.fixture.name}" '
                f"(channels {other}) overlap in universe {one.fixture.universe} of output "
                f'"{one.fixture.output}"; give one another address'
            )
