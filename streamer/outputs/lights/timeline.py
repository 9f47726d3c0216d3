"""Timestamped estimates, kept for outputs that render them later."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from streamer.outputs.lights.color import Gradient, LinearRgb
from streamer.tracking.update import Affect

_time: Callable[["TimedAffect"], float] = attrgetter("time")


@dataclass(frozen=True)
class TimedAffect:
    """One estimate as lights see it.

    Attributes
    ----------
    time
        Monotonic seconds at which it came.
    affect
        PatchedFixture in the plane, with its deviations.
    silence
        Whether the zone is silent.
    """

    time: float
    affect: Affect
    silence: bool
    _colors: dict[Gradient, LinearRgb] = field(default_factory=dict, repr=False, compare=False)

    def color(self, gradient: Gradient) -> LinearRgb:
        """Return the colour of this look; computed once for each gradient."""
        found = self._colors.get(gradient)
        if found is None:
            found = gradient.at(self.affect.valence, self.affect.arousal)
            self._colors[gradient] = found
        return found


class Timeline:
    """The looks of the last `span` seconds, and always the newest one before them."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._looks: list[TimedAffect] = []

    def add(self, look: TimedAffect) -> None:
        """Add a look that is no older than the last."""
        self._looks.append(look)
        old = bisect_right(self._looks, look.time - self._span, key=_time) - 1
        del self._looks[: max(0, old)]

    def at(self, time: float) -> TimedAffect | None:
        """Return the newest look that had come by then, None before the first."""
        index = bisect_right(self._looks, time, key=_time)
        return self._looks[index - 1] if index else None
