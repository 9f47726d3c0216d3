"""Calibrate a zone with reference files that are played in its room."""

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
"""Estimates per second that are compared."""

_MIN_MATCH = 0.6  # correlation of the level curves of a file and of its recording in a room
_MIN_TREND = 0.7  # correlation of two trajectories from which their spreads are comparable
_MIN_TICKS = 100
_WARM_UP_TICKS = 30  # after them the window is full
_QUIET_DB = 40.0
_VALLEY_DB = 30.0  # a room fills deeper valleys of the level


@dataclass(frozen=True)
class Track:
    """Levels and estimates of a piece of audio, at `RATE`.

    Attributes
    ----------
    level
        In dBFS, (n,).
    affect
        Smoothed valence and arousal, (n, 2).
    """

    level: NDArray[np.float64]
    affect: NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceDistance:
    """Mean absolute distance of the recorded trajectory to that of the files: (valence, arousal).

    Attributes
    ----------
    before, after
        Without and with the calibration.
    """

    before: tuple[float, float]
    after: tuple[float, float]


def track_blocks(
    blocks: Iterable[Block], rate: int, engine: Engine, tracking: Tracking, gain_db: float = 0.0
) -> Track:
    """Track blocks of `rate` Hz after a gain, by the same pipeline as live audio."""
    spec = engine.front_end
    trajectory = Trajectory(spec.sample_rate, tracking.smoother, engine.smoothing, "hold")
    stream = WindowStream(rate, spec, RATE, gain=Gain(spec.sample_rate, gain_db))
    updates = list(track_offline(blocks, stream, engine, trajectory))
    smooth = [(update.smooth.valence, update.smooth.arousal) for update in updates]
    level = [update.level - gain_db for update in updates]
    return Track(np.array(level), np.array(smooth).reshape(-1, 2))


def calibrate_by_reference(
    zone: Zone,
    recording: Sequence[Block],
    rate: int,
    files: Sequence[Path],
    engine: Engine,
    tracking: Tracking,
) -> tuple[Calibration, ReferenceDistance]:
    """Return the calibration that makes the recording most similar to the files.

    The files are located in the recording by their level curves. The gain brings the recorded
    music to the reference level. The correction gives the recorded trajectory the mean and the
    spread of the files' own.

    Parameters
    ----------
    zone
        The zone that was recorded.
    recording
        Its audio in one piece, at `rate` Hz.
    files
        Audio files that were played, in any order, at least half of each.
    engine, tracking
        As they will run.

    Raises
    ------
    StreamerError
        A file cannot be read, is not in the recording, or is far too quiet in it.
    """
    originals = [_track_file(file, engine, tracking) for file in files]
    plain = track_blocks(recording, rate, engine, tracking)
    matches = [
        _locate(file, original, plain) for file, original in zip(files, originals, strict=True)
    ]
    level = programme_level(np.concatenate([plain.level[there] for _, there in matches]).tolist())
    gain = gain_for(level)
    amplified = track_blocks(recording, rate, engine, tracking, gain)
    target, before, after = (
        np.concatenate(each)  # (n, 2)
        for each in zip(
            *(
                _loud_parts(
                    original.level[here],
                    original.affect[here],
                    plain.affect[there],
                    amplified.affect[there],
                )
                for original, (here, there) in zip(originals, matches, strict=True)
            ),
            strict=True,
        )
    )
    correction = Correction(
        valence=_fit_axis(target[:, 0], after[:, 0]), arousal=_fit_axis(target[:, 1], after[:, 1])
    )
    axes = (correction.valence, correction.arousal)
    corrected = np.stack([[axis(x) for x in after[:, i]] for i, axis in enumerate(axes)], axis=1)
    calibration = Calibration.of(
        zone,
        gain_db=gain,
        correction=correction,
        level_dbfs=round(level, 1),
        reference=tuple(file.name for file in files),
    )
    return calibration, ReferenceDistance(_distance(before, target), _distance(corrected, target))


def total_seconds(files: Sequence[Path]) -> float:
    """Return the duration of all files together.

    Raises
    ------
    StreamerError
        A file cannot be read, or is longer than the limit.
    """
    total = 0.0
    with Decoder() as decoder:
        for file in files:
            with open_audio_file(file, decoder=decoder) as audio:
                end = 0.0
                for block in audio.blocks(audio.rate):
                    end = block.end_sample / audio.rate
                    if end > limits.MAX_FILE_DURATION_S:
                        raise AudioError(
                            f"cannot calibrate with {file}: it is longer than "
                            f"{limits.MAX_FILE_DURATION_S / 3600:g} hours; use a part of it"
                        )
            total += end
    return total


def _track_file(file: Path, engine: Engine, tracking: Tracking) -> Track:
    """Track a file at the reference level, which the recording will be brought to."""

    def tracked(gain_db: float) -> Track:
        with open_audio_file(file, decoder=decoder) as audio:
            return track_blocks(audio.blocks(audio.rate), audio.rate, engine, tracking, gain_db)

    with Decoder() as decoder:
        plain = tracked(0.0)
        if len(plain.level) < _MIN_TICKS:
            raise StreamerError(
                f"cannot calibrate with {file}: it is too short; use music of a minute or more"
            )
        return tracked(gain_for(programme_level(plain.level.tolist())))


def _locate(file: Path, original: Track, recorded: Track) -> tuple[slice, slice]:
    """Return the ticks of a file that were recorded, at least half, and those of the recording."""
    pattern, curve = _level_curve(original.level), _level_curve(recorded.level)
    half = len(pattern) // 2
    best, match = -1.0, (slice(0, 0), slice(0, 0))
    for offset in range(-half, len(curve) - half + 1):
        here = slice(max(0, -offset), min(len(pattern), len(curve) - offset))
        there = slice(here.start + offset, here.stop + offset)
        correlation = _correlation(pattern[here], curve[there])
        if correlation > best:
            best, match = correlation, (here, there)
    if best < _MIN_MATCH:
        raise StreamerError(
            f"cannot calibrate: {file.name} was not found in the recording (correlation "
            f"{max(best, 0.0):.2f}, at least {_MIN_MATCH} needed); play it in the room from "
            "beginning to end while `streamer calibrate` runs, louder than everything else"
        )
    return match


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of two curves; -1 if they are too short or constant."""
    spread = float(one.std() * other.std())
    if len(one) < _MIN_TICKS // 2 or spread == 0.0:
        return -1.0
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread)


def _loud_parts(
    level: NDArray[np.float64], *affects: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return the estimates at which the file is loud and the window is full."""
    loud = level > level.max() - _QUIET_DB
    loud[:_WARM_UP_TICKS] = False
    return [affect[loud] for affect in affects]


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    valence, arousal = np.abs(one - other).mean(axis=0)
    return float(valence), float(arousal)


def _level_curve(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the levels without deep valleys."""
    curve: NDArray[np.float64] = np.maximum(level, level.max() - _VALLEY_DB)
    return curve


def _fit_axis(target: NDArray[np.float64], values: NDArray[np.float64]) -> AffineCorrection:
    """Return the correction that gives `values` the mean of `target`, and the spread if related."""
    spread = float(values.std())
    related = _correlation(target, values) > _MIN_TREND
    scale = float(target.std()) / spread if related else 1.0
    scale = min(MAX_SCALE, max(MIN_SCALE, scale))
    offset = float(target.mean() - scale * values.mean())
    offset = round(min(MAX_OFFSET, max(-MAX_OFFSET, offset)), 4)
    return AffineCorrection(offset=offset, scale=round(scale, 4))
