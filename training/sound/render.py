"""Load the audio of a piece: decode audio files, render MIDI with sound fonts."""

import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soxr
from numpy.typing import NDArray

from training.datasets import Piece
from training.sound.venue import simulate_venue

SOUND_FONT_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))
_SYNTHESIS_RATE = 44100
_TAIL_SECONDS = 2
_MIN_DECODED_SHARE = 0.9  # of the stated length
_RENDERED_RMS = 0.1  # -20 dBFS, about that of mastered music; sound fonts differ by 10 dB
_CHANNELS, _DRUM_CHANNEL = 16, 9
_RESET_ALL_CONTROLLERS, _NO_BEND = 121, 8192


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a piece is rendered to audio. The default is that of recordings: no sound font.

    Attributes
    ----------
    sound_font
        File name of the sound font. Default: none.
    transpose
        Semitones up, drums excepted. Default: 0.
    tempo
        Factor of the tempo of MIDI; at 2 a piece lasts half as long. Default: 1.
    speed
        Factor of the playback speed, which moves tempo and pitch together; at 2 a piece lasts half
        as long and sounds an octave higher. Default: 1.
    venue
        Name in `training.sound.venue.VENUES` of a simulated venue. Default: none.
    """

    sound_font: str = ""
    transpose: int = 0
    tempo: float = 1.0
    speed: float = 1.0
    venue: str = ""

    @property
    def pace(self) -> float:
        """Seconds of the piece in one second of its audio."""
        return self.tempo * self.speed


def load_audio(piece: Piece, rendering: Rendering, rate: int) -> NDArray[np.float32]:
    """Load the segment of a piece as mono audio at a sample rate in Hz, (n,).

    Raises
    ------
    ValueError
        The file is missing, cannot be decoded, or ends before the segment.
    """
    if not isinstance(piece.source, Path):
        raise TypeError(f"{piece.name} has precomputed views and no audio")
    if not piece.source.is_file():
        raise ValueError(f"cannot read {piece.source}: it is missing")
    if piece.is_midi:
        audio = render_midi(piece.source, rendering, rate, piece.end)
    else:
        audio = decode(piece.source, rate, piece.end)
    audio = _resample(audio, rate * rendering.speed, rate)
    end = None if piece.end is None else round(piece.end / rendering.pace * rate)
    segment = audio[round(piece.start / rendering.pace * rate) : end]
    if not len(segment):
        raise ValueError(
            f"cannot load {piece.name}: {piece.source} ends before its start at {piece.start:g} s"
        )
    if piece.mixed_with:
        segment = _mix(segment, load_audio(piece.mixed_with, replace(rendering, venue=""), rate))
    return (
        simulate_venue(rendering.venue, segment, rate, piece.name) if rendering.venue else segment
    )


def _mix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add the second recording, repeated or cut to the length of the first, at equal loudness."""
    parts = [one / max(float(np.sqrt(np.mean(np.square(one)))), 1e-4) for one in (first, second)]
    both = parts[0] + np.resize(parts[1], len(first))
    mixed: NDArray[np.float32] = both * (_RENDERED_RMS / np.float32(np.sqrt(2)))
    return np.clip(mixed, -1.0, 1.0)


def find_sound_font(name: str) -> Path:
    """Find a sound font by file name in the folders of Debian's packages."""
    for folder in SOUND_FONT_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(
        f"cannot find sound font {name}: it is not installed; run `make install-training`"
    )


def render_midi(
    midi: Path, rendering: Rendering, rate: int, end: float | None = None
) -> NDArray[np.float32]:
    """Render a MIDI file to mono audio at -20 dBFS RMS, with a short tail, (n,).

    Parameters
    ----------
    midi
        Score.
    rendering
        Sound font, transposition and tempo.
    rate
        Sample rate in Hz.
    end
        Seconds of the score to render, about. Default: all.

    Raises
    ------
    ValueError
        The rendering is silent.
    """
    import tinysoundfont  # installed by the second step of `make install-training`

    synth = _synthesizer(find_sound_font(rendering.sound_font))
    _reset(synth)
    sequencer = tinysoundfont.Sequencer(synth)
    with tempfile.NamedTemporaryFile(suffix=".mid") as score:
        _with_variation(midi, rendering).save(score.name)
        sequencer.midi_load(score.name)
    parts: list[NDArray[np.float32]] = []
    tail = _TAIL_SECONDS
    last = np.inf if end is None else end / rendering.tempo + 1
    while tail and len(parts) < last:
        stereo = np.frombuffer(synth.generate(_SYNTHESIS_RATE), dtype=np.float32).reshape(-1, 2)
        parts.append(stereo.mean(axis=1))
        tail -= sequencer.is_empty()
    samples = _resample(np.concatenate(parts), _SYNTHESIS_RATE, rate)
    loudness = float(np.sqrt(np.mean(np.square(samples))))
    if loudness == 0.0:
        raise ValueError(f"cannot render {midi.name}: it is silent with {rendering.sound_font}")
    scaled: NDArray[np.float32] = np.clip(samples * (_RENDERED_RMS / loudness), -1.0, 1.0)
    return scaled


def _with_variation(midi: Path, rendering: Rendering) -> mido.MidiFile:
    """Transpose a score and scale its tempo; clip notes to the MIDI range."""
    score = mido.MidiFile(midi, clip=True)
    for track in score.tracks:
        for message in track:
            if message.type == "set_tempo":
                message.tempo = round(message.tempo / rendering.tempo)
            elif message.type in ("note_on", "note_off") and message.channel != _DRUM_CHANNEL:
                message.note = min(127, max(0, message.note + rendering.transpose))
    if rendering.tempo != 1.0:  # MIDI's default tempo, in case the score sets none
        first = mido.MetaMessage("set_tempo", tempo=round(mido.bpm2tempo(120) / rendering.tempo))
        score.tracks[0].insert(0, first)
    return score


def _reset(synth: Any) -> None:
    """Reset a synthesizer: stop notes, and restore controllers, pitch bend and programs."""
    synth.callback = None
    synth.sounds_off()
    for channel in range(_CHANNELS):
        synth.control_change(channel, _RESET_ALL_CONTROLLERS, 0)
        synth.pitchbend(channel, _NO_BEND)
        synth.program_change(channel, 0, channel == _DRUM_CHANNEL)
    while np.frombuffer(synth.generate(_SYNTHESIS_RATE // 10), dtype=np.float32).any():
        pass


@lru_cache(maxsize=1)  # a compressed font takes seconds to load and gigabytes of memory
def _synthesizer(sound_font: Path) -> Any:
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=_SYNTHESIS_RATE)
    synth.sfload(str(sound_font))
    return synth


def decode(path: Path, rate: int, end: float | None = None) -> NDArray[np.float32]:
    """Decode an audio file to mono at a sample rate in Hz, (n,). Damage in its last tenth is cut.

    Stops about a second after `end` in seconds. Default: all of it.

    Raises
    ------
    ValueError
        The file is not audio, or less than 90 % of its stated length can be decoded.
    """
    import av

    planes: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.audio[0]
            source_rate, stated_seconds = stream.rate, (container.duration or 0) / 1e6
            resampler = av.AudioResampler(format="fltp")
            last = np.inf if end is None else end + 1.0
            try:
                for frame in container.decode(stream):
                    planes += [one.to_ndarray().mean(axis=0) for one in resampler.resample(frame)]
                    if frame.time is not None and frame.time > last:
                        break
            except av.FFmpegError:
                if sum(map(len, planes)) < _MIN_DECODED_SHARE * stated_seconds * source_rate:
                    raise
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"cannot decode {path}: {error}") from None
    if not planes:
        raise ValueError(f"cannot decode {path}: it has no audio")
    return _resample(np.concatenate(planes), source_rate, rate)


def _resample(samples: NDArray[np.float32], source: float, target: float) -> NDArray[np.float32]:
    if source == target:
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples, source, target, quality="HQ")
    return np.clip(resampled, -1.0, 1.0)
