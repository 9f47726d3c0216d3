"""What lights do when no estimates arrive: hold the last state, then fade to black."""

from math import inf

from streamer.outputs.lights.show import Settings


class SignalLoss:
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
