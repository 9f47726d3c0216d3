"""Build a running show from its settings; keep the state of the show it replaces."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streamer.outputs.lights.color import Gradient
from streamer.outputs.lights.dmx_patch import patch_fixtures
from streamer.outputs.lights.dmx_protocols import ArtnetSender, SacnSender, UniverseSender
from streamer.outputs.lights.fixture import DmxEncoder, FixtureState
from streamer.outputs.lights.osc import OscSender
from streamer.outputs.lights.renderer import (
    ActiveFixture,
    DmxRenderer,
    OscRenderer,
    OutputClock,
    Renderer,
)
from streamer.outputs.lights.show import ArtnetOutput, Output, SacnOutput, Show
from streamer.outputs.lights.signal_loss import SignalLoss


@dataclass(frozen=True)
class ShowContext:
    """Node and zone for OSC addresses and sACN source names, and whether to send at all."""

    node: str
    zone: str
    dry_run: bool


@dataclass(frozen=True)
class ActiveShow:
    """A running show.

    Attributes
    ----------
    show
        Its settings.
    fixtures
        Fixtures by name.
    renderers
        Renderers by the name of their output.
    gradients
        Gradients by the name of their palette.
    """

    show: Show
    fixtures: Mapping[str, ActiveFixture] = field(default_factory=dict)
    renderers: Mapping[str, Renderer] = field(default_factory=dict)
    gradients: Mapping[str, Gradient] = field(default_factory=dict)


def activate_show(
    show: Show, context: ShowContext, previous: ActiveShow | None = None
) -> ActiveShow:
    """Build the running show, in place of a previous one if there is one.

    A fixture continues from the state of the previous fixture of that name. An output with
    unchanged settings (but for the delay) keeps its socket and sequence numbers. Streams of other
    outputs and of universes without fixtures are ended.
    """
    previous = previous or ActiveShow(show)
    gradients = {name: palette.gradient() for name, palette in show.palettes.items()}
    fixtures = {}
    for patched in patch_fixtures(show):
        fixture = patched.fixture
        state = FixtureState(fixture, gradients[fixture.palette] if fixture.palette else None)
        if fixture.name in previous.fixtures:
            state.copy_from(previous.fixtures[fixture.name].state)
        encoder = DmxEncoder(patched.channels, fixture.curve)
        fixtures[fixture.name] = ActiveFixture(patched, state, encoder)
    renderers: dict[str, Renderer] = {}
    for output in show.outputs:
        old = previous.renderers.get(output.name)
        clock = OutputClock(SignalLoss(show.settings), output.delay)
        sender = _sender(output, context, old)
        if isinstance(sender, OscSender):
            osc = OscRenderer(output, sender, clock, gradients)
            if isinstance(old, OscRenderer):
                osc.intensity.copy_from(old.intensity)
            renderers[output.name] = osc
        else:
            own = [each for each in fixtures.values() if each.patched.fixture.output == output.name]
            renderers[output.name] = DmxRenderer(output, sender, clock, own)
        if old is not None:
            clock.loss.master = old.clock.loss.master
    _end_unused(previous.renderers.values(), renderers.values())
    return ActiveShow(show, fixtures, renderers, gradients)


def _sender(
    output: Output, context: ShowContext, old: Renderer | None
) -> UniverseSender | OscSender:
    """Return the output's previous sender if at most its delay changed, else a new one."""
    if old is not None and old.output.model_copy(update={"delay": output.delay}) == output:
        return old.sender
    match output:
        case SacnOutput():
            source = f"streamer {context.node} {context.zone}"
            return SacnSender(output, source=source, dry_run=context.dry_run)
        case ArtnetOutput():
            return ArtnetSender(output, dry_run=context.dry_run)
    return OscSender(output, zone=context.zone, node=context.node, dry_run=context.dry_run)


def _end_unused(previous: Iterable[Renderer], renderers: Iterable[Renderer]) -> None:
    """Close the previous senders that were not kept, and end universes without fixtures."""
    kept = {id(renderer.sender): renderer for renderer in renderers}
    for old in previous:
        new = kept.get(id(old.sender))
        if new is None:
            old.sender.close()
        elif isinstance(old, DmxRenderer) and isinstance(new, DmxRenderer):
            for universe in old.universes.keys() - new.universes.keys():
                old.sender.end(universe)
