"""Payload models of every MQTT message, and their JSON Schemas.

Numbers are rounded to four decimals for coordinates, deviations and fractions, and to one decimal
for milliseconds and decibels. Times are milliseconds since 1970 (UTC).
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt

from streamer.tracking import Update
from streamer.tracking.mood import Mood, Quadrant, mood, quadrant


def _rounded(decimals: int) -> AfterValidator:
    return AfterValidator(lambda number: round(number, decimals) + 0.0)  # + 0.0 turns -0.0 into 0.0


Coordinate = Annotated[float, Field(ge=-1, le=1), _rounded(4)]
Deviation = Annotated[float, Field(ge=0), _rounded(4)]
Fraction = Annotated[float, Field(ge=0, le=1), _rounded(4)]
Milliseconds = Annotated[float, _rounded(1)]
Decibels = Annotated[float, _rounded(1)]
Smoothing = Literal["kalman", "one-euro", "exponential", "none"]
Epoch = Annotated[int, Field(ge=0, description="Milliseconds since 1970-01-01 UTC.")]


class Message(BaseModel):
    """Base class of all payloads: immutable, finite numbers only, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> bytes:
        """Return the payload as compact JSON in UTF-8."""
        return self.model_dump_json().encode()


class Point(Message):
    """Point in the valence/arousal plane."""

    valence: Coordinate = Field(description="From unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="From calm (-1) to excited (1).")


class VA(Message):
    """Estimate of the fast stream, on `<base>/<zone>/va`."""

    v: Literal[1] = Field(default=1, description="Version of the message format.")
    ts: Epoch = Field(description="Capture time of the window's newest sample, epoch ms.")
    seq: NonNegativeInt = Field(
        description="Sequence number; a step greater than 1 means dropped estimates."
    )
    valence: Coordinate = Field(description="From unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="From calm (-1) to excited (1).")
    valence_std: Deviation = Field(description="Standard deviation of the valence.")
    arousal_std: Deviation = Field(description="Standard deviation of the arousal.")
    raw: Point = Field(
        description="Estimate of this window before smoothing, with the zone's music calibration, "
        "if any, applied."
    )
    silence: bool = Field(description="Whether the zone is silent.")
    warm: Fraction = Field(
        description="Fraction of the window that holds audio since the last start or gap, 0 to 1."
    )
    latency_ms: Milliseconds = Field(
        description="Time from capture of the newest sample to publishing, ms."
    )

    @classmethod
    def from_update(cls, update: Update, *, seq: int, epoch: float, latency: float) -> Self:
        """Build the message from a tracker's update.

        Parameters
        ----------
        update
            Update of the zone.
        seq
            Sequence number of the estimate in its zone.
        epoch
            Offset from monotonic time to the time since 1970, in seconds.
        latency
            Time from capture to now, in seconds.

        Raises
        ------
        pydantic.ValidationError
            A number in the update is not finite.
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
    """Current settings of a zone; commands of the same names change them."""

    smoothing: Smoothing = Field(description="Smoother of the trajectory.")
    rate: Annotated[float, Field(gt=0), _rounded(3)] = Field(
        description="Estimates per second, Hz."
    )
    freeze: bool = Field(description="Whether the trajectory is frozen at its last value.")
    gain_db: Decibels = Field(description="Calibrated input gain, dB.")
    calibrating: bool = Field(description="Whether a calibration is measuring.")


class State(Message):
    """Latest state of a zone on `<base>/<zone>/state`, at most once per second."""

    v: Literal[1] = Field(default=1, description="Version of the message format.")
    ts: Epoch = Field(description="Capture time of the window's newest sample, epoch ms.")
    valence: Coordinate = Field(description="From unpleasant (-1) to pleasant (1).")
    arousal: Coordinate = Field(description="From calm (-1) to excited (1).")
    valence_std: Deviation = Field(description="Standard deviation of the valence.")
    arousal_std: Deviation = Field(description="Standard deviation of the arousal.")
    quadrant: Quadrant = Field(
        description="Quadrant of the plane, counter-clockwise from the top right."
    )
    mood: Mood = Field(description="Mood word for the position in the plane.")
    silence: bool = Field(description="Whether the zone is silent.")
    level: Decibels = Field(description="Audio level, dBFS.")
    title: str | None = Field(
        default=None, max_length=200, description="Current title, if a network stream sends one."
    )
    controls: Controls | None = Field(
        default=None, description="Settings of the zone; null if it accepts no commands."
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
        """Build the message from a tracker's update; see `VA.from_update` for `epoch` and errors.

        Parameters
        ----------
        title
            Title of the current track, at most 200 characters; None if unknown.
        controls
            Settings of the zone; None if it accepts no commands.
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
    """Dropped work, counted since the start."""

    capture: NonNegativeInt = Field(default=0, description="Overruns of the audio ring buffer.")
    inference: NonNegativeInt = Field(
        default=0, description="Estimates skipped because inference was late."
    )
    publish: NonNegativeInt = Field(default=0, description="Estimates not published in time.")


class Cleaned(Message):
    """Invalid input samples that were replaced, counted since the start."""

    nan: NonNegativeInt = Field(default=0, description="NaN or infinite samples, replaced by 0.")
    clipped: NonNegativeInt = Field(
        default=0, description="Samples at or beyond full scale, clipped to -1 or 1."
    )


class Latency(Message):
    """Latency percentiles of the latest values."""

    p50: Milliseconds = Field(description="Median, ms.")
    p99: Milliseconds = Field(description="99th percentile, ms.")
    max: Milliseconds = Field(description="Maximum, ms.")

    @classmethod
    def from_seconds(cls, seconds: Iterable[float]) -> Self | None:
        """Return nearest-rank percentiles of latencies in seconds; None if there are none."""
        ordered = sorted(seconds)
        if not ordered:
            return None
        p50, p99 = (ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 99))
        return cls(p50=p50 * 1e3, p99=p99 * 1e3, max=ordered[-1] * 1e3)


class Delays(Message):
    """Signal delays: the resampler's is part of `latency_ms`, the smoother's is not."""

    resampler_ms: Milliseconds = Field(default=0.0, description="Delay of the resampler, ms.")
    smoother_ms: Milliseconds = Field(
        default=0.0, description="Lag of the smoothed trajectory behind the raw estimate, ms."
    )


class Recording(Message):
    """Recording of all zones together, counted since the start."""

    recorded: NonNegativeInt = Field(description="Estimates recorded.")
    dropped: NonNegativeInt = Field(description="Estimates not recorded.")
    trouble: str = Field(
        default="", description="Error that stops the recording now; empty if there is none."
    )


class Remote(Message):
    """Requests of all zones to a remote inference server, counted since the start."""

    answered: NonNegativeInt = Field(description="Batches of windows answered in time.")
    late: NonNegativeInt = Field(description="Batches not answered in time.")
    failed: NonNegativeInt = Field(description="Batches refused, or lost with the connection.")
    local: NonNegativeInt = Field(description="Batches computed by the local engine instead.")
    latency_ms: Latency | None = Field(
        default=None, description="Latency of the last 600 answers in time; null before the first."
    )


class Health(Message):
    """Health of a zone on `<base>/<zone>/health`, every 10 s by default."""

    v: Literal[1] = Field(default=1, description="Version of the message format.")
    ts: Epoch = Field(description="Time of this report, epoch ms.")
    state: Literal["ok", "warming", "silent", "degraded", "restarting", "stopped"] = Field(
        description="Overall state."
    )
    reason: str = Field(default="", description="Why the state is not ok; empty otherwise.")
    source: str = Field(description="Audio source.")
    engine: str | None = Field(default=None, description="Inference engine in use.")
    remote: Remote | None = Field(
        default=None, description="Remote inference server; null if none is used."
    )
    uptime_s: Annotated[float, Field(ge=0), _rounded(1)] = Field(
        description="Time since the start, s."
    )
    estimates: NonNegativeInt = Field(default=0, description="Estimates since the start.")
    drops: Drops = Drops()
    gaps: NonNegativeInt = Field(
        default=0, description="Interruptions of the audio since the start."
    )
    restarts: NonNegativeInt = Field(
        default=0, description="Reopenings of a lost source since the start."
    )
    cleaned: Cleaned = Cleaned()
    reconnects: NonNegativeInt = Field(
        default=0, description="Reconnections to the broker since the start."
    )
    rate_hz: Annotated[float, Field(gt=0), _rounded(3)] | None = Field(
        default=None,
        description="Actual estimates per second, Hz; below the configured rate if the machine is "
        "too slow.",
    )
    drift_ppm: Annotated[float, _rounded(1)] | None = Field(
        default=None,
        description="Clock drift of the source against this machine, ppm; positive if faster.",
    )
    latency_ms: Latency | None = Field(
        default=None,
        description="Time from capture of a window's newest sample to publishing; null before the "
        "first published estimate.",
    )
    delays: Delays = Delays()
    gain_db: Decibels = Field(
        default=0.0, description="Gain applied to the audio before the views, dB."
    )
    recording: Recording | None = Field(default=None, description="Recording; null if off.")
    versions: dict[str, str] = Field(
        default={}, description="Versions of the program and the weights."
    )
    cpu_percent: Annotated[float, _rounded(1)] | None = Field(
        default=None, description="CPU time, percent of one core."
    )
    memory_mb: Annotated[float, _rounded(1)] | None = Field(
        default=None, description="Resident memory, MB."
    )


class Ack(Message):
    """Acknowledgement of a command, on `<base>/<zone>/ack/<name>`."""

    v: Literal[1] = Field(default=1, description="Version of the message format.")
    ts: Epoch = Field(description="Time of the acknowledgement, epoch ms.")
    ok: bool = Field(description="Whether the command was executed.")
    value: str | float | bool | None = Field(
        default=None, description="Value now in effect; the measured gain for a calibration, dB."
    )
    reason: str = Field(default="", description="Why it was rejected; empty otherwise.")
    id: str | None = Field(default=None, description="Id from the command.")


KINDS: dict[str, type[Message]] = {"va": VA, "state": State, "health": Health, "ack": Ack}
"""Payload model of each message kind; the key is the topic level after the zone."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema (2020-12) of each message kind, by the keys of `KINDS`."""
    return {kind: model.model_json_schema(mode="serialization") for kind, model in KINDS.items()}


def _clip(coordinate: float) -> float:
    return min(1.0, max(-1.0, coordinate)) if coordinate == coordinate else coordinate


def _epoch_ms(seconds: float) -> int:
    return round(seconds * 1e3)
