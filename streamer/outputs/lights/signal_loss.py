"""What lights do when no estimates arrive: hold the last state, then fade to black."""

from math import inf

from streamer.outputs.lights.show import ShowSettings


class SignalLoss:
    """Detects the loss of estimates and dims the output's master level.

    An estimate is missing after `loss_after` seconds. With `on_loss = "hold"` the lights then stay
    as they are for `hold_time`; with "fade", or after the hold, they fade to black over
    `fade_time`.

    Parameters
    ----------
    settings
        The show's `on_loss`, `loss_after`, `hold_time` and `fade_time`.

    Attributes
    ----------
    lost
        Whether the newest estimate is older than `loss_after`.
    master
        Factor on every intensity, 0..1.
    """

    def __init__(self, settings: ShowSettings) -> None:
        hold_time = settings.hold_time if settings.on_loss == "hold" else 0.0
        self._loss_after = settings.loss_after
        self._fade_after = settings.loss_after + hold_time
        self._fade_time = settings.fade_time
        self.lost = False
        self.master = 1.0

    def step(self, age: float, seconds: float) -> float:
        """Advance by one frame.

        Parameters
        ----------
        age
            Age of the newest estimate in seconds.
        seconds
            Time since the last frame.

        Returns
        -------
        Factor by which to dim the fixtures before they move on: 1, except on the first estimate
        after a fade, when it is the master level reached. The master is 1 again from then on, so
        the light rises by its attack from where it was.
        """
        self.lost = age > self._loss_after
        if age > self._fade_after:
            elapsed = min(seconds, age - self._fade_after)
            drop = elapsed / self._fade_time if self._fade_time > 0 else inf
            self.master = max(0.0, self.master - drop)
            return 1.0
        reached, self.master = self.master, 1.0
        return reached
