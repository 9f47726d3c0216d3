"""When to send what may have changed."""

KEEP_ALIVE = 0.9
"""Seconds after which what did not change is sent again; E1.31-2018, 6.6.2, asks for 0.8 to 1."""

REPEATS = 3
"""How often the last change is sent again at once, in case a packet is lost (6.6.2)."""


class Cadence:
    """Says when something is to be sent: when it changed, and now and then when it did not.

    Parameters
    ----------
    repeats
        How often to send once more what no longer changes, before waiting for the keep-alive.
    """

    def __init__(self, repeats: int = 0) -> None:
        self._repeats = repeats
        self._content: object = None
        self._left = 0
        self._sent = 0.0

    def due(self, content: object, now: float) -> bool:
        """Whether to send this now; if so, it counts as sent."""
        if content != self._content:
            self._content, self._left = content, self._repeats
        elif self._left > 0:
            self._left -= 1
        elif now - self._sent < KEEP_ALIVE:
            return False
        self._sent = now
        return True
