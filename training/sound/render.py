"""Sound of a piece: decoded, or rendered from MIDI with a sound font."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soxr
from numpy.typing import NDArray

from training.datasets import Piece
from training.sound.venue import treat

SOUND_FONT_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))
_SYNTHESIS_RATE = 44100
_TAIL_SECONDS = 2
_LEAST_DECODED = 0.9  # of the stated length
_RENDERED_RMS = 0.1  # -20 dBFS, the order of mastered music; sound fonts differ by 10 dB
_CHANNELS, _DRUM_CHANNEL = 16, 9
_RESET_ALL_CONTROLLERS, _NO_BEND = 121, 8192


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a piece is made to sound. Recorded sound has only one: the one without a sound font.

    Attributes
    ----------
    sound_font
        File name of the sound font; empty for recorded sound.
    transpose
        Semitones up; drums stay.
    tempo
        Speed; at 2 a piece lasts half as long.
    venue
        Name of one of `training.sound.venue.TREATMENTS`; empty for none.
    """

    sound_font: str = ""
    transpose: int = 0
    tempo: float = 1.0
    venue: str = ""


def sound_of(piece: Piece, rendering: Rendering, rate: int) -> NDArray[np.float32]:
    """Give the piece's own part of its source as mono sound, shape (n,).

    Raises
    ------
    ValueError
        The file cannot be decoded, or nothing of it lies between the piece's start and end.
    """
    if not isinstance(piece.source, Path):
        raise TypeError(f"{piece.name} has ready views and no sound")
    if not piece.source.is_file():
        raise ValueError(f"{piece.source} is missing")
    if piece.is_midi:
        sound = render_midi(piece.source, rendering, rate, piece.end)
    else:
        sound = decode(piece.source, rate)
    end = None if piece.end is None else round(piece.end / rendering.tempo * rate)
    part = sound[round(piece.start / rendering.tempo * rate) : end]
    if not len(part):
        raise ValueError(f"{piece.source} ends before {piece.start:g} s, where {piece.name} begins")
    return treat(rendering.venue, part, rate, piece.name) if rendering.venue else part


def find_sound_font(name: str) -> Path:
    """Find a sound font by file name where Debian's packages put them."""
    for folder in SOUND_FONT_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"sound font {name} is not installed (see `make install-training`)")


def render_midi(
    midi: Path, rendering: Rendering, rate: int, end: float | None = None
) -> NDArray[np.float32]:
    """Render a MIDI file to mono, shape (n,), dynamics kept, at -20 dBFS RMS, with a short tail.

    With `end` about so many seconds of the score only.
    """
    import tinysoundfont  # installed by the second step of `make install-training`

    synth = _synthesizer(find_sound_font(rendering.sound_font))
    _forget(synth)
    sequencer = tinysoundfont.Sequencer(synth)
    with tempfile.NamedTemporaryFile(suffix=".mid") as varied:
        _vary(midi, rendering).save(varied.name)
        sequencer.midi_load(varied.name)
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
        raise ValueError(f"{midi.name} is silent with {rendering.sound_font}")
    scaled: NDArray[np.float32] = np.clip(samples * (_RENDERED_RMS / loudness), -1.0, 1.0)
    return scaled


def _vary(midi: Path, rendering: Rendering) -> mido.MidiFile:
    """Transpose a score and change its tempo; notes that would leave the keyboard stay in it."""
    score = mido.MidiFile(midi, clip=True)
    for track in score.tracks:
        for message in track:
            if message.type == "set_tempo":
                message.tempo = round(message.tempo / rendering.tempo)
            elif message.type in ("note_on", "note_off") and message.channel != _DRUM_CHANNEL:
                message.note = min(127, max(0, message.note + rendering.transpose))
    if rendering.tempo != 1.0:  # MIDI's own tempo where the score states none
        first = mido.MetaMessage("set_tempo", tempo=round(mido.bpm2tempo(120) / rendering.tempo))
        score.tracks[0].insert(0, first)
    return score


def _forget(synth: Any) -> None:
    """Bring a synthesizer back to where it began: the piece before may have left notes ringing."""
    synth.callback = None
    synth.sounds_off()
    for channel in range(_CHANNELS):
        synth.control_change(channel, _RESET_ALL_CONTROLLERS, 0)
        synth.pitchbend(channel, _NO_BEND)
        synth.program_change(channel, 0, channel == _DRUM_CHANNEL)
    while np.frombuffer(synth.generate(_SYNTHESIS_RATE // 10), dtype=np.float32).any():
        pass


@lru_cache(maxsize=1)  # a compressed font takes seconds to open and gigabytes to hold
def _synthesizer(sound_font: Path) -> Any:
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=_SYNTHESIS_RATE)
    synth.sfload(str(sound_font))
    return synth


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """Decode a sound file to mono, shape (n,). Damage in its last tenth only shortens it.

    Raises
    ------
    ValueError
        It holds no sound that can be decoded, or too little of what it states.
    """
    import av

    planes: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.audio[0]
            rate_of_source, stated = stream.rate, (container.duration or 0) / 1e6
            resampler = av.AudioResampler(format="fltp")
            try:
                for frame in container.decode(stream):
                    planes += [one.to_ndarray().mean(axis=0) for one in resampler.resample(frame)]
            except av.FFmpegError:
                if sum(map(len, planes)) < _LEAST_DECODED * stated * rate_of_source:
                    raise
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{path} cannot be decoded: {error}") from None
    if not planes:
        raise ValueError(f"{path} holds no sound")
    return _resample(np.concatenate(planes), rate_of_source, rate)


def _resample(samples: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    if source == target:
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples, source, target, quality="HQ")
    return np.clip(resampled, -1.0, 1.0)
