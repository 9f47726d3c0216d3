"""Render the MIDI file to audio: synthesis with a sound font, room, level, Opus."""

from pathlib import Path

import av
import numpy as np
from mido import Message, MidiFile
from numpy.typing import NDArray
from tinysoundfont import Synth

from deploy.demo.room import Stereo, place
from deploy.demo.score import DRUM_CHANNEL

RATE = 48_000
BIT_RATE = 88_000
PEAK_DB = -1.0
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""Path of the sound font in Debian's package fluid-soundfont-gm."""

_HEADROOM_DB = -12.0
_FADE_OUT_S = 0.6
_FRAME = 960


def render(midi: MidiFile, sound_font: Path, length: float) -> Stereo:
    """Render the piece.

    Parameters
    ----------
    midi
        The composed file.
    sound_font
        An SF2 or SF3 file with a General MIDI bank.
    length
        Seconds to render.

    Returns
    -------
    float64, shape (samples, 2) at 48 kHz, peak at -1 dBFS.

    Raises
    ------
    FileNotFoundError
        If there is no sound font at that path.
    """
    if not sound_font.is_file():
        raise FileNotFoundError(
            f"cannot render: no sound font at {sound_font}; install fluid-soundfont-gm "
            "or name another with --sound-font"
        )
    sound = place(_synthesise(midi, sound_font, round(length * RATE)), RATE)
    fade = round(_FADE_OUT_S * RATE)
    sound[-fade:] *= np.linspace(1.0, 0.0, fade)[:, None] ** 2
    level: float = 10 ** (PEAK_DB / 20) / np.abs(sound).max()
    return sound * level


def encode(sound: Stereo, path: Path, tags: dict[str, str]) -> None:
    """Write stereo audio at 48 kHz as Opus in Ogg; deterministic."""
    pcm = sound.astype(np.float32)
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libopus", rate=RATE, layout="stereo")
        stream.bit_rate = BIT_RATE
        for start in range(0, len(pcm), _FRAME):
            frame = _frame(pcm[start : start + _FRAME], start)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _synthesise(midi: MidiFile, sound_font: Path, count: int) -> Stereo:
    """Synthesise the events at their exact samples."""
    synth = Synth(gain=_HEADROOM_DB, samplerate=RATE)
    synth.sfload(str(sound_font))
    dry = np.zeros((count, 2))
    now, position = 0.0, 0
    for message in midi:
        now += message.time
        until = min(round(now * RATE), count)
        if until > position:
            dry[position:until] = _sound(synth, until - position)
            position = until
        _send(synth, message)
    if position < count:
        dry[position:] = _sound(synth, count - position)
    return dry


def _sound(synth: Synth, count: int) -> Stereo:
    block: NDArray[np.float32] = np.frombuffer(bytes(synth.generate(count)), dtype=np.float32)
    return block.reshape(count, 2).astype(np.float64)


def _send(synth: Synth, message: Message) -> None:
    if message.type == "note_on":
        synth.noteon(message.channel, message.note, message.velocity)
    elif message.type == "note_off":
        synth.noteoff(message.channel, message.note)
    elif message.type == "control_change":
        synth.control_change(message.channel, message.control, message.value)
    elif message.type == "program_change":
        drum = message.channel == DRUM_CHANNEL
        synth.program_change(message.channel, message.program, drum)


def _frame(samples: NDArray[np.float32], start: int) -> av.AudioFrame:
    interleaved = np.ascontiguousarray(samples).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout="stereo")
    frame.sample_rate = RATE
    frame.pts = start
    return frame
