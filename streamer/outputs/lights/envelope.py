"""How quickly a light follows."""

from collections.abc import Sequence
from math import exp


class Envelope:
    """Values that approach their targets, rising with the attack and falling with the release.

    Stepped by true time, so the course does not depend on the frame rate.

    Parameters
    ----------
    attack, release
        Time constants in seconds: after one, 63 % of a step is done (after three, 95 %). 0 jumps.
    values
        Where they begin.
    """

    def __init__(self, attack: float, release: float, values: Sequence[float]) -> None:
        self._attack, self._release = attack, release
        self.values = list(values)

    def step(self, targets: Sequence[float], seconds: float) -> None:
        """Move on by so many seconds."""
        rise, fall = _share(self._attack, seconds), _share(self._release, seconds)
        self.values = [
            value + (rise if target > value else fall) * (target - value)
            for value, target in zip(self.values, targets, strict=True)
        ]


def _share(constant: float, seconds: float) -> float:
    return 1.0 - exp(-seconds / constant) if constant > 0 else 1.0
