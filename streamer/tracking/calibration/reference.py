"""A gain and a correction from music that is known and was played in the room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer import limits
from streamer.audio import Block, Decoder, open_audio_file
from streamer.config import Tracking, Zone
from streamer.engines import Engine
from streamer.errors import AudioError, StreamerError
from streamer.tracking.calibration.calibration_file import Calibration
from streamer.tracking.calibration.programme_level import gain_for, programme_level
from streamer.tracking.gain import Gain
from streamer.tracking.offline import track_offline
from streamer.tracking.trajectory import (
    MAX_OFFSET,
    MAX_SCALE,
    MIN_SCALE,
    AffineCorrection,
    Correction,
    Trajectory,
)
from streamer.tracking.windows import WindowStream

RATE = 10.0
"""Estimates a second that are compared."""

_ALIKE = 0.6  # correlation of two level curves that are the same music, one through a room
_FOLLOWED = 0.7  # correlation from which the size of a movement is taken for the room's doing
_SHORTEST = 100  # ticks
_WARM = 30  # ticks at the beginning of which a window is not yet full
_QUIET_DB = 40.0


@dataclass(frozen=True)
class Track:
    """What was heard and estimated of a piece of sound, at `RATE`.

    Attributes
    ----------
    level
        In dBFS, shape (n,).
    affect
        Valence and arousal of the smoothed trajectory, shape (n, 2).
    """

    level: NDArray[np.float64]
    affect: NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How far the heard trajectory is from the clips' own: mean distances, valence and arousal.

    Attributes
    ----------
    before, after
        Without and with the calibration.
    """

    before: tuple[float, float]
    after: tuple[float, float]


def track(
    blocks: Iterable[Block], rate: int, engine: Engine, tracking: Tracking, gain_db: float = 0.0
) -> Track:
    """Hear blocks of `rate` Hz through a gain, by the pipeline that runs live."""
    spec = engine.front_end
    trajectory = Trajectory(spec.sample_rate, tracking.smoother, engine.smoothing, "hold")
    listener = WindowStream(rate, spec, RATE, gain=Gain(spec.sample_rate, gain_db))
    updates = list(track_offline(blocks, listener, engine, trajectory))
    smooth = [(update.smooth.valence, update.smooth.arousal) for update in updates]
    level = [update.level - gain_db for update in updates]
    return Track(np.array(level), np.array(smooth).reshape(-1, 2))


def calibrate_by_reference(
    zone: Zone,
    heard: Sequence[Block],
    rate: int,
    clips: Sequence[Path],
    engine: Engine,
    tracking: Tracking,
) -> tuple[Calibration, Agreement]:
    """Return the calibration that makes what was heard of the clips most like the clips.

    The clips are found in what was heard by their loudness. The gain is the one at which the
    heard music is as loud as the reference asks for, and the correction takes the heard
    trajectory's mean and spread to the clips' own.

    Parameters
    ----------
    zone
        The zone that listened.
    heard
        What it heard, at `rate` Hz, in one piece.
    clips
        Sound files that were played, in any order, at least half of each.
    engine, tracking
        As they will run.

    Raises
    ------
    StreamerError
        A clip cannot be read, was not heard, or far too quietly.
    """
    alone = [_track_file(clip, engine, tracking) for clip in clips]
    before = track(heard, rate, engine, tracking)
    meetings = [_meet(clip, one, before) for clip, one in zip(clips, alone, strict=True)]
    level = programme_level(np.concatenate([before.level[there] for _, there in meetings]).tolist())
    gain = gain_for(level)
    after = track(heard, rate, engine, tracking, gain)
    want, plain, have = (
        np.concatenate(each)  # (n, 2)
        for each in zip(
            *(
                _loud(one.level[here], one.affect[here], before.affect[there], after.affect[there])
                for one, (here, there) in zip(alone, meetings, strict=True)
            ),
            strict=True,
        )
    )
    correction = Correction(
        valence=_line(want[:, 0], have[:, 0]), arousal=_line(want[:, 1], have[:, 1])
    )
    lines = (correction.valence, correction.arousal)
    corrected = np.stack([[line(x) for x in have[:, i]] for i, line in enumerate(lines)], axis=1)
    calibration = Calibration.of(
        zone,
        gain_db=gain,
        correction=correction,
        level_dbfs=round(level, 1),
        reference=tuple(clip.name for clip in clips),
    )
    return calibration, Agreement(_distance(plain, want), _distance(corrected, want))


def seconds_of(clips: Sequence[Path]) -> float:
    """Return the length of the clips together.

    Raises
    ------
    StreamerError
        One cannot be read, or has no end.
    """
    total = 0.0
    with Decoder() as decoder:
        for clip in clips:
            with open_audio_file(clip, decoder=decoder) as sound:
                end = 0.0
                for block in sound.blocks(sound.rate):
                    end = block.end_sample / sound.rate
                    if end > limits.MAX_FILE_DURATION_S:
                        raise AudioError(
                            f"{clip} is longer than {limits.MAX_FILE_DURATION_S / 3600:g} hours; "
                            "calibrate by a piece of it"
                        )
            total += end
    return total


def _track_file(clip: Path, engine: Engine, tracking: Tracking) -> Track:
    """Hear a clip twice, at its own level and at the one that the room is brought to."""

    def heard(gain_db: float) -> Track:
        with open_audio_file(clip, decoder=decoder) as sound:
            return track(sound.blocks(sound.rate), sound.rate, engine, tracking, gain_db)

    with Decoder() as decoder:
        plain = heard(0.0)
        if len(plain.level) < _SHORTEST:
            raise StreamerError(
                f"{clip} is too short to calibrate by; take music of a minute or more"
            )
        return heard(gain_for(programme_level(plain.level.tolist())))


def _meet(clip: Path, alone: Track, heard: Track) -> tuple[slice, slice]:
    """Return the ticks of a clip that were heard, half of it at least, and where that was."""
    wanted, curve = _curve(alone.level), _curve(heard.level)
    half = len(wanted) // 2
    best, found = -1.0, (slice(0, 0), slice(0, 0))
    for at in range(-half, len(curve) - half + 1):
        here = slice(max(0, -at), min(len(wanted), len(curve) - at))
        there = slice(here.start + at, here.stop + at)
        alike = _likeness(wanted[here], curve[there])
        if alike > best:
            best, found = alike, (here, there)
    if best < _ALIKE:
        raise StreamerError(
            f"no calibration: {clip.name} was not recognised in what was heard (likeness "
            f"{max(best, 0.0):.2f} of {_ALIKE}); play it in the room from its beginning to its end "
            "while `streamer calibrate` listens, louder than everything else"
        )
    return found


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of two curves."""
    spread = float(one.std() * other.std())
    if len(one) < _SHORTEST // 2 or spread == 0.0:
        return -1.0
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread)


def _loud(level: NDArray[np.float64], *affects: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return what was estimated where a clip is loud, once the window is full."""
    loud = level > level.max() - _QUIET_DB
    loud[:_WARM] = False
    return [affect[loud] for affect in affects]


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    valence, arousal = np.abs(one - other).mean(axis=0)
    return float(valence), float(arousal)


def _curve(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return levels without their deep valleys, which a room fills."""
    curve: NDArray[np.float64] = np.maximum(level, level.max() - 30.0)
    return curve


def _line(want: NDArray[np.float64], have: NDArray[np.float64]) -> AffineCorrection:
    spread = float(have.std())
    related = _likeness(want, have) > _FOLLOWED
    scale = float(want.std()) / spread if related else 1.0
    scale = min(MAX_SCALE, max(MIN_SCALE, scale))
    offset = float(want.mean() - scale * have.mean())
    return AffineCorrection(
        offset=round(min(MAX_OFFSET, max(-MAX_OFFSET, offset)), 4), scale=round(scale, 4)
    )
