"""A row of a recording: one update, as plain values."""

from typing import NamedTuple, Self

from streamer.tracking.update import Affect, Update


class Row(NamedTuple):
    """One update; the fields are the columns of a recording, in their order.

    Names are those of `streamer analyze` where it has them; see `Update` for their meanings.

    Attributes
    ----------
    ts
        When the window's newest sample was captured, in milliseconds since 1970 (UTC).
    captured
        The same in seconds of the recording machine's monotonic clock, which never jumps.
    """

    ts: int
    tick: int
    time: float
    valence: float
    arousal: float
    valence_std: float
    arousal_std: float
    raw_valence: float
    raw_arousal: float
    raw_valence_std: float
    raw_arousal_std: float
    silence: bool
    warm: float
    level: float
    captured: float

    @classmethod
    def of(cls, update: Update, epoch: float) -> Self:
        """Return the row of an update; `epoch` leads from monotonic time to seconds since 1970.

        NumPy's numbers become Python's, which JSON knows.
        """
        smooth, raw = update.smooth, update.raw
        return cls(
            ts=round((update.captured + epoch) * 1e3),
            tick=int(update.tick),
            time=float(update.time),
            valence=float(smooth.valence),
            arousal=float(smooth.arousal),
            valence_std=float(smooth.valence_std),
            arousal_std=float(smooth.arousal_std),
            raw_valence=float(raw.valence),
            raw_arousal=float(raw.arousal),
            raw_valence_std=float(raw.valence_std),
            raw_arousal_std=float(raw.arousal_std),
            silence=bool(update.silence),
            warm=float(update.warm),
            level=float(update.level),
            captured=float(update.captured),
        )

    def update(self) -> Update:
        """Return the update that was recorded."""
        return Update(
            tick=self.tick,
            time=self.time,
            captured=self.captured,
            raw=Affect(
                self.raw_valence, self.raw_arousal, self.raw_valence_std, self.raw_arousal_std
            ),
            smooth=Affect(self.valence, self.arousal, self.valence_std, self.arousal_std),
            silence=self.silence,
            warm=self.warm,
            level=self.level,
        )


COLUMNS = Row._fields
"""Names of the columns."""

TYPES: dict[str, type] = {name: Row.__annotations__[name] for name in COLUMNS}
"""What each column holds: int, float or bool."""
