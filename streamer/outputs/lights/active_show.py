"""From a show to what runs it, keeping of the running one what stays the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streamer.outputs.lights import dmx_patch as patch
from streamer.outputs.lights.color import Gradient
from streamer.outputs.lights.dmx_protocols import ArtnetSender, SacnSender
from streamer.outputs.lights.fixture import DmxEncoder, FixtureState
from streamer.outputs.lights.osc import OscSender
from streamer.outputs.lights.renderer import (
    ActiveFixture,
    DmxRenderer,
    OscRenderer,
    OutputState,
    Renderer,
    UniverseSender,
)
from streamer.outputs.lights.show import ArtnetOutput, Output, SacnOutput, Show
from streamer.outputs.lights.signal_loss import SignalLoss


@dataclass(frozen=True)
class ShowContext:
    """What is said of ourselves: the node, the zone that is followed; and whether to send."""

    node: str
    zone: str
    dry: bool


@dataclass(frozen=True)
class ActiveShow:
    """A show that runs.

    Attributes
    ----------
    show
        What it was made from.
    fixtures
        By their names.
    stages
        By the names of their outputs.
    gradients
        By the names of their palettes.
    """

    show: Show
    fixtures: Mapping[str, ActiveFixture] = field(default_factory=dict)
    stages: Mapping[str, Renderer] = field(default_factory=dict)
    gradients: Mapping[str, Gradient] = field(default_factory=dict)


def build(show: Show, names: ShowContext, running: ActiveShow | None = None) -> ActiveShow:
    """ActiveShow a show, in the place of the one that runs if there is one.

    Fixtures go on from where the one of the same name is. An output that sends as before keeps its
    socket and its sequence; of the others, and of universes that nothing hangs on any more, the
    stream is ended.
    """
    running = running or ActiveShow(show)
    gradients = {name: palette.gradient() for name, palette in show.palettes.items()}
    fixtures = {}
    for place in patch.patch_fixtures(show):
        fixture = place.fixture
        lamp = FixtureState(
            fixture, None if fixture.palette is None else gradients[fixture.palette]
        )
        if fixture.name in running.fixtures:
            lamp.take_over(running.fixtures[fixture.name].lamp)
        fixtures[fixture.name] = ActiveFixture(
            place, lamp, DmxEncoder(place.channels, fixture.curve)
        )
    stages: dict[str, Renderer] = {}
    for output in show.outputs:
        old = running.stages.get(output.name)
        clock = OutputState(SignalLoss(show.settings), output.delay)
        sender = _sender(output, names, old)
        if isinstance(sender, OscSender):
            osc = OscRenderer(output, sender, clock, gradients)
            if isinstance(old, OscRenderer):
                osc.lamp.take_over(old.lamp)
            stages[output.name] = osc
        else:
            hung = [each for each in fixtures.values() if each.place.fixture.output == output.name]
            stages[output.name] = DmxRenderer(output, sender, clock, hung)
        if old is not None:
            clock.loss.share = old.clock.loss.share
    _end(running.stages.values(), {id(stage.sender): stage for stage in stages.values()})
    return ActiveShow(show, fixtures, stages, gradients)


def _sender(output: Output, names: ShowContext, old: Renderer | None) -> UniverseSender | OscSender:
    """Return the sender that an output had before, where only its delay differs, or a new one."""
    if old is not None and old.output.model_copy(update={"delay": output.delay}) == output:
        return old.sender
    match output:
        case SacnOutput():
            source = f"streamer {names.node} {names.zone}"
            return SacnSender(output, source=source, dry=names.dry)
        case ArtnetOutput():
            return ArtnetSender(output, dry=names.dry)
    return OscSender(output, zone=names.zone, node=names.node, dry=names.dry)


def _end(before: Iterable[Renderer], stages: Mapping[int, Renderer]) -> None:
    """End what the stages, by the identity of their senders, do not go on with."""
    for old in before:
        new = stages.get(id(old.sender))
        if new is None:
            old.sender.close()
        elif isinstance(old, DmxRenderer) and isinstance(new, DmxRenderer):
            for universe in old.universes.keys() - new.universes.keys():
                old.sender.end(universe)
