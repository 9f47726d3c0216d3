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
    """An estimate with its time of arrival.

    Attributes
    ----------
    time
        Arrival, in monotonic seconds.
    affect
        Valence, arousal and their standard deviations.
    silence
        Whether the zone is silent.
    """

    time: float
    affect: Affect
    silence: bool
    _colors: dict[Gradient, LinearRgb] = field(default_factory=dict, repr=False, compare=False)

    def color(self, gradient: Gradient) -> LinearRgb:
        """Return the gradient's colour at this estimate, computed once per gradient."""
        color = self._colors.get(gradient)
        if color is None:
            color = gradient.at(self.affect.valence, self.affect.arousal)
            self._colors[gradient] = color
        return color


class Timeline:
    """The estimates of the last `span` seconds, and the newest one before them."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._entries: list[TimedAffect] = []

    def add(self, entry: TimedAffect) -> None:
        """Append an estimate that is no older than the last one; drop expired ones."""
        self._entries.append(entry)
        expired = bisect_right(self._entries, entry.time - self._span, key=_time) - 1
        del self._entries[: max(0, expired)]

    def at(self, time: float) -> TimedAffect | None:
        """Return the newest estimate that had arrived by `time`; None before the first."""
        index = bisect_right(self._entries, time, key=_time)
        return self._entries[index - 1] if index else None
