"""What the messages hold.

The numbers of a model are already rounded as they stand on the wire: four decimals for a place in
the plane, one for milliseconds and decibels. Times are milliseconds since 1970 (UTC).
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt

from streamer.tracking import Update
from streamer.tracking.mood import Mood, Quadrant, mood, quadrant


def _rounded(decimals: int) -> AfterValidator:
    return AfterValidator(lambda number: round(number, decimals) + 0.0)  # + 0.0: never "-0.0"


Coordinate = Annotated[float, Field(ge=-1, le=1), _rounded(4)]
Deviation = Annotated[float, Field(ge=0), _rounded(4)]
Share = Annotated[float, Field(ge=0, le=1), _rounded(4)]
Milliseconds = Annotated[float, _rounded(1)]
Decibels = Annotated[float, _rounded(1)]
Smoothing = Literal["kalman", "one-euro", "exponential", "none"]
Epoch = Annotated[int, Field(ge=0, description="Milliseconds since 1970-01-01 UTC.")]


class Message(BaseModel):
    """A payload: immutable, finite numbers only, and an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> bytes:
        """Return the payload as compact JSON in UTF-8."""
        return self.model_dump_json().encode()


class Point(Message):
    """A place in the valence/arousal plane."""

    valence: Coordinate = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="Calm (-1) to excited (1).")


class VA(Message):
    """One estimate of the fast stream: `<base>/<zone>/va`."""

    v: Literal[1] = Field(default=1, description="Version of this layout.")
    ts: Epoch = Field(description="When the newest sample of the window was captured, in epoch ms.")
    seq: NonNegativeInt = Field(description="Number of the estimate; a step over 1 tells of drops.")
    valence: Coordinate = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="Calm (-1) to excited (1).")
    valence_std: Deviation = Field(description="Standard deviation of the valence.")
    arousal_std: Deviation = Field(description="Standard deviation of the arousal.")
    raw: Point = Field(
        description="The estimate for this window alone, not smoothed; corrected where the zone is "
        "calibrated by music."
    )
    silence: bool = Field(description="Whether the zone is held to be silent.")
    warm: Share = Field(description="Share of the window heard since the last start or gap.")
    latency_ms: Milliseconds = Field(description="From capture of the newest sample to publishing.")

    @classmethod
    def from_update(cls, update: Update, *, seq: int, epoch: float, latency: float) -> Self:
        """Build the message of one update.

        Parameters
        ----------
        update
            What the tracker says.
        seq
            Number of the estimate in its zone.
        epoch
            What to add to a monotonic time for the time since 1970, in seconds.
        latency
            From capture to now, in seconds.

        Raises
        ------
        pydantic.ValidationError
            A number of the update is not finite.
        """
        return cls(
            ts=_epoch_ms(update.captured + epoch),
            seq=seq,
            valence=_clip(update.smooth.valence),
            arousal=_clip(update.smooth.arousal),
            valence_std=update.smooth.valence_std,
            arousal_std=update.smooth.arousal_std,
            raw=Point(valence=_clip(update.raw.valence), arousal=_clip(update.raw.arousal)),
            silence=update.silence,
            warm=update.warm,
            latency_ms=latency * 1e3,
        )


class Controls(Message):
    """How a zone is set now; see the commands of those names."""

    smoothing: Smoothing = Field(description="How estimates become a trajectory.")
    rate: Annotated[float, Field(gt=0), _rounded(3)] = Field(description="Estimates a second.")
    freeze: bool = Field(description="Whether the trajectory is held where it is.")
    gain_db: Decibels = Field(description="The calibrated gain in dB.")
    calibrating: bool = Field(description="Whether a calibration is listening.")


class State(Message):
    """The latest state of a zone, retained, at most once a second: `<base>/<zone>/state`."""

    v: Literal[1] = Field(default=1, description="Version of this layout.")
    ts: Epoch = Field(description="When the newest sample of the window was captured, in epoch ms.")
    valence: Coordinate = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="Calm (-1) to excited (1).")
    valence_std: Deviation = Field(description="Standard deviation of the valence.")
    arousal_std: Deviation = Field(description="Standard deviation of the arousal.")
    quadrant: Quadrant = Field(
        description="Quadrant of the plane, counter-clockwise from the top right."
    )
    mood: Mood = Field(description="Word for the place in the plane.")
    silence: bool = Field(description="Whether the zone is held to be silent.")
    level: Decibels = Field(description="Level of the sound in dBFS.")
    title: str | None = Field(
        default=None, max_length=200, description="What plays, where a network stream tells it."
    )
    controls: Controls | None = Field(
        default=None, description="How the zone is set; null where it takes no commands."
    )

    @classmethod
    def from_update(
        cls,
        update: Update,
        *,
        epoch: float,
        title: str | None = None,
        controls: Controls | None = None,
    ) -> Self:
        """Build the message of one update; other parameters and errors as for `VA.from_update`.

        Parameters
        ----------
        title
            Of what plays, at most 200 characters; None where it is not told.
        controls
            How the zone is set; None where it takes no commands.
        """
        valence, arousal = _clip(update.smooth.valence), _clip(update.smooth.arousal)
        return cls(
            ts=_epoch_ms(update.captured + epoch),
            valence=valence,
            arousal=arousal,
            valence_std=update.smooth.valence_std,
            arousal_std=update.smooth.arousal_std,
            quadrant=quadrant(valence, arousal),
            mood=mood(valence, arousal),
            silence=update.silence,
            level=update.level,
            title=title,
            controls=controls,
        )


class Drops(Message):
    """Work that came too late and was left out, counted since the start."""

    capture: NonNegativeInt = Field(default=0, description="Overruns of the ring buffer.")
    inference: NonNegativeInt = Field(default=0, description="Ticks the engine did not come to.")
    publish: NonNegativeInt = Field(
        default=0, description="Estimates that could not be published in time."
    )


class Cleaned(Message):
    """Samples set right at the door, counted since the start."""

    nan: NonNegativeInt = Field(default=0, description="Samples that were no finite number.")
    clipped: NonNegativeInt = Field(default=0, description="Samples beyond full scale.")


class Latency(Message):
    """How long something took, over the last minute or so."""

    p50: Milliseconds = Field(description="Median in ms.")
    p99: Milliseconds = Field(description="99th percentile in ms.")
    max: Milliseconds = Field(description="Largest in ms.")

    @classmethod
    def from_seconds(cls, seconds: Iterable[float]) -> Self | None:
        """Return percentiles by nearest rank, None where there is nothing."""
        ordered = sorted(seconds)
        if not ordered:
            return None
        p50, p99 = (ordered[-(-share * len(ordered) // 100) - 1] for share in (50, 99))
        return cls(p50=p50 * 1e3, p99=p99 * 1e3, max=ordered[-1] * 1e3)


class Delays(Message):
    """The resampler's wait, which is in `latency_ms`, and the smoother's lag, which is not."""

    resampler_ms: Milliseconds = Field(default=0.0, description="Delay of the resampler.")
    smoother_ms: Milliseconds = Field(
        default=0.0, description="Delay of the trajectory behind the estimate."
    )


class Recording(Message):
    """What is kept of the run, all zones together, counted since the start."""

    recorded: NonNegativeInt = Field(description="Estimates written.")
    dropped: NonNegativeInt = Field(description="Estimates that were not written.")
    trouble: str = Field(default="", description="Why nothing is recorded now; empty otherwise.")


class Remote(Message):
    """Questions to a server of engines, of all zones together, counted since the start."""

    answered: NonNegativeInt = Field(description="Batches of windows that it answered in time.")
    late: NonNegativeInt = Field(description="Those that it did not answer in time.")
    failed: NonNegativeInt = Field(description="Those that it refused, or was lost over.")
    local: NonNegativeInt = Field(description="Those that the engine here answered.")
    latency_ms: Latency | None = Field(
        default=None, description="Of the last 600 answers in time; None before the first."
    )


class Health(Message):
    """How a zone fares, every ten seconds or so: `<base>/<zone>/health`."""

    v: Literal[1] = Field(default=1, description="Version of this layout.")
    ts: Epoch = Field(description="When this was written, in epoch ms.")
    state: Literal["ok", "warming", "silent", "degraded", "restarting", "stopped"] = Field(
        description="In one word."
    )
    reason: str = Field(default="", description="Why it is not ok; empty otherwise.")
    source: str = Field(description="What is listened to.")
    engine: str | None = Field(default=None, description="The engine really used.")
    remote: Remote | None = Field(
        default=None, description="The server of engines; null where none is asked."
    )
    uptime_s: Annotated[float, Field(ge=0), _rounded(1)] = Field(
        description="Since the start, in s."
    )
    estimates: NonNegativeInt = Field(default=0, description="Estimates made since the start.")
    drops: Drops = Drops()
    gaps: NonNegativeInt = Field(
        default=0, description="Interruptions of the sound since the start."
    )
    restarts: NonNegativeInt = Field(
        default=0, description="Times the source was lost and came back."
    )
    cleaned: Cleaned = Cleaned()
    reconnects: NonNegativeInt = Field(
        default=0, description="Times the broker was lost and found again."
    )
    rate_hz: Annotated[float, Field(gt=0), _rounded(3)] | None = Field(
        default=None,
        description="Estimates made a second now: fewer than wanted where the machine is too slow.",
    )
    drift_ppm: Annotated[float, _rounded(1)] | None = Field(
        default=None,
        description="How much faster the source's clock runs than ours, in parts per million.",
    )
    latency_ms: Latency | None = Field(
        default=None,
        description="From capture of a window's newest sample to publishing; None before the first "
        "estimate went out.",
    )
    delays: Delays = Delays()
    gain_db: Decibels = Field(
        default=0.0, description="What the sound is raised by before it is heard, in dB."
    )
    recording: Recording | None = Field(default=None, description="null where nothing is recorded.")
    versions: dict[str, str] = Field(default={}, description="Program and weights.")
    cpu_percent: Annotated[float, _rounded(1)] | None = Field(
        default=None, description="Of one core."
    )
    memory_mb: Annotated[float, _rounded(1)] | None = Field(
        default=None, description="Resident memory."
    )


class Ack(Message):
    """The answer to a command: `<base>/<zone>/ack/<name>`."""

    v: Literal[1] = Field(default=1, description="Version of this layout.")
    ts: Epoch = Field(description="When it was answered, in epoch ms.")
    ok: bool = Field(description="Whether it was done.")
    value: str | float | bool | None = Field(
        default=None, description="What is in effect now; what was found, of a calibration."
    )
    reason: str = Field(default="", description="Why it was not done; empty otherwise.")
    id: str | None = Field(default=None, description="The id that came with the command.")


KINDS: dict[str, type[Message]] = {"va": VA, "state": State, "health": Health, "ack": Ack}
"""Message of each kind, by the level of its topic that follows the zone."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema (2020-12) of each kind of message, by the keys of `KINDS`."""
    return {kind: model.model_json_schema(mode="serialization") for kind, model in KINDS.items()}


def _clip(coordinate: float) -> float:
    return min(1.0, max(-1.0, coordinate)) if coordinate == coordinate else coordinate


def _epoch_ms(seconds: float) -> int:
    return round(seconds * 1e3)
