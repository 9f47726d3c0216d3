"""Sound of a piece at 22,050 Hz: decoded, or rendered from MIDI with a sound font."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

SOUND_FONT_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))
_SYNTHESIS_RATE = 44100
_TAIL_SECONDS = 2
_RENDERED_RMS = 0.1  # -20 dBFS, the order of mastered music; sound fonts differ by 10 dB
_CHANNELS, _DRUM_CHANNEL = 16, 9
_RESET_ALL_CONTROLLERS, _NO_BEND = 121, 8192


def find_sound_font(name: str) -> Path:
    """Find a sound font by file name where Debian's packages put them."""
    for folder in SOUND_FONT_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"sound font {name} is not installed (see `make install-training`)")


def render_midi(midi: Path, sound_font: Path, rate: int) -> NDArray[np.float32]:
    """Render a MIDI file to mono, shape (n,), dynamics kept, at -20 dBFS RMS, with a short tail."""
    import tinysoundfont  # installed by the second step of `make install-training`

    synth = _synthesizer(sound_font)
    _forget(synth)
    sequencer = tinysoundfont.Sequencer(synth)
    sequencer.midi_load(str(midi))
    parts = []
    tail = _TAIL_SECONDS
    while tail:
        stereo = np.frombuffer(synth.generate(_SYNTHESIS_RATE), dtype=np.float32).reshape(-1, 2)
        parts.append(stereo.mean(axis=1))
        tail -= sequencer.is_empty()
    samples = _resample(np.concatenate(parts), _SYNTHESIS_RATE, rate)
    loudness = float(np.sqrt(np.mean(np.square(samples))))
    if loudness == 0.0:
        raise ValueError(f"{midi.name} is silent with {sound_font.name}")
    scaled: NDArray[np.float32] = np.clip(samples * (_RENDERED_RMS / loudness), -1.0, 1.0)
    return scaled


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
    """Decode a sound file to mono, shape (n,)."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        frames = [
            plane.to_ndarray().mean(axis=0)
            for frame in container.decode(stream)
            for plane in resampler.resample(frame)
        ]
        source_rate = stream.rate
    return _resample(np.concatenate(frames), source_rate, rate)


def _resample(samples: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    if source == target:
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples, source, target, quality="HQ")
    return np.clip(resampled, -1.0, 1.0)
