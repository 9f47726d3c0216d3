"""What the music felt like, and when that was told.

What becomes of the light when no estimates come any more.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter

from streamer.outputs.lights.color import Gradient, Linear
from streamer.outputs.lights.show import Settings
from streamer.tracking.update import Affect

_time: Callable[["Look"], float] = attrgetter("time")


@dataclass(frozen=True)
class Look:
    """One estimate as lights see it.

    Attributes
    ----------
    time
        Monotonic seconds at which it came.
    affect
        Place in the plane, with its deviations.
    silence
        Whether the zone is silent.
    """

    time: float
    affect: Affect
    silence: bool
    _colors: dict[Gradient, Linear] = field(default_factory=dict, repr=False, compare=False)

    def color(self, gradient: Gradient) -> Linear:
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
        self._looks: list[Look] = []

    def add(self, look: Look) -> None:
        """Add a look that is no older than the last."""
        self._looks.append(look)
        old = bisect_right(self._looks, look.time - self._span, key=_time) - 1
        del self._looks[: max(0, old)]

    def at(self, time: float) -> Look | None:
        """Return the newest look that had come by then, None before the first."""
        index = bisect_right(self._looks, time, key=_time)
        return self._looks[index - 1] if index else None


class Loss:
    """Holds a look and fades it, by the show's settings.

    Parameters
    ----------
    settings
        The show's `on_loss`, `loss_after`, `hold_time` and `fade_time`.

    Attributes
    ----------
    lost
        Whether estimates stay out.
    share
        How much of the light is left, 0..1.
    """

    def __init__(self, settings: Settings) -> None:
        held = settings.hold_time if settings.on_loss == "hold" else 0.0
        self._lost_at = settings.loss_after
        self._fades_at = settings.loss_after + held
        self._fade_time = settings.fade_time
        self.lost = False
        self.share = 1.0

    def step(self, age: float, seconds: float) -> float:
        """Move on by so many seconds, the newest estimate being `age` seconds old.

        Returns
        -------
        What the lamps have to be dimmed to before they follow again: 1, except where estimates have
        just come back, when it is what was left. So the light rises from there by its attack.
        """
        self.lost = age > self._lost_at
        if age > self._fades_at:
            into = min(seconds, age - self._fades_at)
            fallen = into / self._fade_time if self._fade_time > 0 else inf
            self.share = max(0.0, self.share - fallen)
            return 1.0
        left, self.share = self.share, 1.0
        return left
