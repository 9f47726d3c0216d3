"""What a venue does to music, done to the sound itself: level, rooms, people, codecs."""

import io
import subprocess
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Sound = NDArray[np.float32]
Treatment = Callable[[Sound, int, np.random.Generator], Sound]

_DIRECT_DB = 0.0  # of the direct sound above the room's, some metres from the loudspeaker
_CROWD_VOICES = 24
_VOICES = ("en", "en+f2", "en+m3", "en+f4", "en+m7", "en-us", "en-us+f3", "en+m1")
_SENTENCES = (
    "Did you see them last year? They were playing outside, and it rained all evening.",
    "Two beers and a glass of water, please. No, we are standing over there, by the door.",
    "I told her that we would meet after the second song, but she has not called me back yet.",
    "This is my favourite one. Wait until the strings come in, you will not believe it.",
    "Where did you leave your coat? The cloakroom closes at eleven, as far as I know.",
    "Good evening everybody, and thank you for coming. We have a few announcements to make.",
)
_TRAINING_VOICES = ("en-gb-scotland", "en-us+f1", "en+m2", "en+f3", "en-us+m4", "en+m5", "en-us+f5")
_TRAINING_SENTENCES = (
    "Could you hold my jacket for a moment? I will be right back.",
    "It must have been twenty years ago, in that small place near the harbour.",
    "No, really? He never told me about it, not a word.",
    "Three more over here, thanks, and keep the change.",
    "Ladies and gentlemen, we will start again in a quarter of an hour.",
    "They turned it up a little, did they not? I can hardly hear you.",
)


def treat(name: str, sound: Sound, rate: int, seed_text: str) -> Sound:
    """Do to mono sound (n,) what `TREATMENTS[name]` says; what is random hangs on `seed_text`."""
    return TREATMENTS[name](sound, rate, np.random.default_rng(zlib.crc32(seed_text.encode())))


def _gain(decibels: float, sound: Sound, _rate: int, _random: np.random.Generator) -> Sound:
    louder: Sound = sound * np.float32(10 ** (decibels / 20))
    return louder


def _room(seconds: float, sound: Sound, rate: int, random: np.random.Generator) -> Sound:
    """Diffuse room: noise that falls by 60 dB in the reverberation time (Moorer, CMJ 3, 1979)."""
    count = int(seconds * rate)
    tail = random.standard_normal(count) * 10 ** (-3.0 * np.arange(count) / count)
    tail *= 10 ** (-_DIRECT_DB / 20) / np.sqrt(np.sum(tail**2))
    wet = fftconvolve(sound, tail)[: len(sound)]
    both: Sound = ((sound + wet) * np.sqrt(0.5)).astype(np.float32)
    return both


def _people(
    voices: int, below_db: float, sound: Sound, rate: int, random: np.random.Generator
) -> Sound:
    """Add so many talking voices, so far below the music's RMS."""
    talk = _talk(voices, len(sound), rate, random, _VOICES, _SENTENCES)
    level = np.sqrt(np.mean(sound**2.0) / max(np.mean(talk**2), 1e-12)) * 10 ** (-below_db / 20)
    both: Sound = (sound + level * talk).astype(np.float32)
    return both


def training_talk(voices: int, count: int, rate: int, random: np.random.Generator) -> Sound:
    """So many people talking, (count,), with other voices and words than those that judge."""
    talk = _talk(voices, count, rate, random, _TRAINING_VOICES, _TRAINING_SENTENCES)
    return talk.astype(np.float32)


def _talk(
    people: int,
    count: int,
    rate: int,
    random: np.random.Generator,
    voices: tuple[str, ...],
    sentences: tuple[str, ...],
) -> NDArray[np.float64]:
    talk = np.zeros(count)
    for _ in range(people):
        voice = str(random.choice(voices))
        parts: list[Sound] = []
        while sum(map(len, parts)) < count + rate:
            parts.append(_speech(voice, sentences[int(random.integers(len(sentences)))], rate))
        start = int(random.integers(rate))
        talk += np.concatenate(parts)[start : start + count]
    return talk


@lru_cache(maxsize=128)
def _speech(voice: str, sentence: str, rate: int) -> Sound:
    """One sentence, spoken by eSpeak NG."""
    command = ["espeak-ng", "-v", voice, "--stdout", sentence]
    try:
        spoken = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        raise ValueError("espeak-ng is not installed (see `make install-training`)") from None
    samples = np.frombuffer(spoken[44:], dtype="<i2").astype(np.float32) / 32768  # after the head
    resampled: Sound = soxr.resample(samples, 22050, rate)  # what eSpeak NG speaks at
    return resampled


def _mp3(bits_per_second: int, sound: Sound, rate: int, _random: np.random.Generator) -> Sound:
    """Through an MP3 encoder and back."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    file.seek(0)
    with av.open(file, "r") as coded:
        planes = [one.to_ndarray().mean(axis=0) for one in coded.decode(audio=0)]
    return np.concatenate(planes).astype(np.float32)[: len(sound)]


TREATMENTS: dict[str, Treatment] = {
    "+12 dB": partial(_gain, 12.0),
    "-12 dB": partial(_gain, -12.0),
    "-20 dB": partial(_gain, -20.0),
    "club, 0.5 s": partial(_room, 0.5),
    "hall, 1.5 s": partial(_room, 1.5),
    "church, 4 s": partial(_room, 4.0),
    "crowd at -10 dB": partial(_people, _CROWD_VOICES, 10.0),
    "crowd at 0 dB": partial(_people, _CROWD_VOICES, 0.0),
    "speech at -10 dB": partial(_people, 1, 10.0),
    "speech at 0 dB": partial(_people, 1, 0.0),
    "mp3, 64 kbit/s": partial(_mp3, 64000),
}
"""By name. Speech and crowd are so many decibels beside the music's RMS."""
